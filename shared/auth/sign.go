package auth

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const keepKey = `INSERT INTO statement_keys (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`

type statementSigner struct {
	jose.Signer
	read time.Time
}

// Sign signs a statement of the platform that is no access token, such as an audit
// checkpoint, with the newest signing key: a compact JWS (RFC 7515) whose `typ` header
// tells what it is. The public key is kept for good. typ must not be [TokenType].
func (i *Issuer) Sign(ctx context.Context, typ string, payload []byte) (string, error) {
	if typ == TokenType {
		return "", fmt.Errorf("sign statement: %s is for access tokens", typ)
	}
	signer, err := i.statementSigner(ctx, typ)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign statement: %w", err)
	}
	return jws.CompactSerialize()
}

func (i *Issuer) statementSigner(ctx context.Context, typ string) (jose.Signer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if known, ok := i.statements[typ]; ok && time.Since(known.read) < keysMemory {
		return known, nil
	}
	newest, err := i.newestKey(ctx)
	if err != nil {
		return nil, err
	}
	seed, err := i.keeper.Unwrap(ctx, newest.SealedSeed)
	if err != nil {
		return nil, fmt.Errorf("unseal signing key %s: %w", newest.KID, err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	if _, err := i.db.Exec(ctx, keepKey, newest.KID, []byte(key.Public().(ed25519.PublicKey))); err != nil {
		return nil, fmt.Errorf("keep public key %s: %w", newest.KID, err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: newest.KID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	if i.statements == nil {
		i.statements = map[string]statementSigner{}
	}
	i.statements[typ] = statementSigner{signer, time.Now()}
	return signer, nil
}
