package password

// Decoy returns a PHC string that no password matches. It has the parameters of another PHC string,
// so that verifying it costs the same: accounts that have not logged in since the parameters
// changed have older ones. If like is not a valid PHC string, the current parameters apply.
func (h *Hasher) Decoy(like string) string {
	p, _, _, err := decode(like)
	_, salt, hash, decoyErr := decode(h.decoy)
	if err != nil || decoyErr != nil {
		return h.decoy
	}
	return encode(p, salt, hash)
}
