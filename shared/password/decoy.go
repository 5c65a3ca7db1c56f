package password

// Decoy is a PHC string that no password belongs to, and that costs as much to verify as
// another one, whose parameters it has: those of accounts that nobody has logged in to
// since the parameters were changed are not today's. Today's, if the other is none.
func (h *Hasher) Decoy(like string) string {
	p, _, _, err := decode(like)
	_, salt, hash, decoyErr := decode(h.decoy)
	if err != nil || decoyErr != nil {
		return h.decoy
	}
	return encode(p, salt, hash)
}
