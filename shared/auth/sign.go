package auth

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const keepKey = `INSERT INTO statement_keys (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`

// Sign signs a statement of the platform that is no access token, such as an audit
// checkpoint, with the newest signing key: a compact JWS (RFC 7515) whose `typ` header
// tells what it is. The public key is kept for good. typ must not be [TokenType].
func (i *Issuer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if typ == TokenType {
		return "", fmt.Errorf("sign statement: %s is for access tokens", typ)
	}
	newest, err := i.newestKey(ctx)
	if err != nil {
		return "", err
	}
	seed, err := i.keeper.Unwrap(ctx, newest.SealedSeed)
	if err != nil {
		return "", fmt.Errorf("unseal signing key %s: %w", newest.KID, err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	if _, err := i.db.Exec(ctx, keepKey, newest.KID, []byte(key.Public().(ed25519.PublicKey))); err != nil {
		return "", fmt.Errorf("keep public key %s: %w", newest.KID, err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: newest.KID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("make signer: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign statement: %w", err)
	}
	return jws.CompactSerialize()
}
