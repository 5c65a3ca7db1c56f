package auth

import (
	"context"
	"fmt"
)

// Sign signs a statement that is not an access token, such as an audit checkpoint, with the newest
// signing key. It returns a compact JWS (RFC 7515) with the given `typ` header. The public key is
// stored permanently. typ must not be [TokenType].
func (i *Issuer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if typ == TokenType {
		return "", fmt.Errorf("sign statement: %s is for access tokens", typ)
	}
	signer, err := i.signerOf(ctx, typ, keysTTL)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign statement: %w", err)
	}
	return jws.CompactSerialize()
}
