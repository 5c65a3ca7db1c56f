package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// CheckpointType is the `typ` header of a checkpoint: no verifier of access tokens
// takes it (RFC 8725 §3.11).
const CheckpointType = "audit-checkpoint+jwt"

// Checkpoint is the platform's word that a trail's line had a hash, and so all the
// lines before it theirs.
type Checkpoint struct {
	Trail          Trail     `json:"trail"`
	OrganizationID uuid.UUID `json:"org"`
	Seq            int64     `json:"seq"`
	Hash           Hash      `json:"hash"`
	IssuedAt       int64     `json:"iat"`
	Restart        bool      `json:"restart,omitempty"` // the chain was broken before this line, and goes on with it
}

// SignedAt is when the platform said so.
func (c Checkpoint) SignedAt() time.Time { return time.Unix(c.IssuedAt, 0).UTC() }

// Signer signs with the platform's newest key: a compact JWS (RFC 7515) with a `typ`
// header. auth.Issuer is one.
type Signer interface {
	Sign(ctx context.Context, typ string, payload []byte) (string, error)
}

func (c Checkpoint) sign(ctx context.Context, signer Signer) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode checkpoint: %w", err)
	}
	statement, err := signer.Sign(ctx, CheckpointType, payload)
	if err != nil {
		return "", fmt.Errorf("sign checkpoint: %w", err)
	}
	return statement, nil
}

// Keys are the platform's public keys by `kid`, retired ones too.
type Keys map[string]ed25519.PublicKey

// ParseKeys reads a JSON Web Key Set (RFC 7517), as GET /v1/audit/keys answers it.
func ParseKeys(set []byte) (Keys, error) {
	var document jose.JSONWebKeySet
	if err := json.Unmarshal(set, &document); err != nil {
		return nil, fmt.Errorf("the keys are not a JSON Web Key Set: %w", err)
	}
	keys := Keys{}
	for _, key := range document.Keys {
		if public, ok := key.Key.(ed25519.PublicKey); ok {
			keys[key.KeyID] = public
		}
	}
	return keys, nil
}

// open checks a checkpoint's signature and reads it.
func (k Keys) open(statement string) (c Checkpoint, err error) {
	jws, err := jose.ParseSignedCompact(statement, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return c, errors.New("it is not a JWS signed with EdDSA")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != CheckpointType {
		return c, fmt.Errorf("its type is not %s", CheckpointType)
	}
	key, known := k[header.KeyID]
	if !known {
		return c, fmt.Errorf("its key %q does not belong to the platform", header.KeyID)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return c, errors.New("its signature is not the platform's")
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, fmt.Errorf("it does not contain a checkpoint: %w", err)
	}
	return c, nil
}
