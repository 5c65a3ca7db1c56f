package auth

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Sign signs a statement of the platform that is no access token, such as an audit
// checkpoint, with the newest signing key: a compact JWS (RFC 7515) whose `typ` header
// tells what it is. typ must not be [TokenType].
func (i *Issuer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if typ == TokenType {
		return "", fmt.Errorf("sign statement: %s is for access tokens", typ)
	}
	key, err := i.newestKey(ctx)
	if err != nil {
		return "", err
	}
	seed, err := i.keeper.Unwrap(ctx, key.SealedSeed)
	if err != nil {
		return "", fmt.Errorf("unseal signing key %s: %w", key.KID, err)
	}
	private := jose.JSONWebKey{Key: ed25519.NewKeyFromSeed(seed), KeyID: key.KID}
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
