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

// CheckpointType is the `typ` header of a checkpoint. Verifiers of access tokens refuse it (RFC
// 8725 §3.11).
const CheckpointType = "audit-checkpoint+jwt"

// Checkpoint is the platform's signed statement that the line Seq of a trail has a hash, which also
// fixes all lines before it.
type Checkpoint struct {
	Trail          Trail     `json:"trail"`
	OrganizationID uuid.UUID `json:"org"`
	Seq            int64     `json:"seq"`
	Hash           Hash      `json:"hash"`
	IssuedAt       int64     `json:"iat"`
	Restart        bool      `json:"restart,omitempty"` // the chain was broken before this line and restarts with it
}

// SignedAt returns when the checkpoint was signed.
func (c Checkpoint) SignedAt() time.Time { return time.Unix(c.IssuedAt, 0).UTC() }

// Signer signs a payload with the platform's newest key and returns a compact JWS (RFC 7515) with a
// `typ` header. auth.Issuer implements it.
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

// Keys are the platform's public keys by `kid`, including retired ones.
type Keys map[string]ed25519.PublicKey

// ParseKeys parses a JSON Web Key Set (RFC 7517), as returned by GET /v1/audit/keys.
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

// open verifies a checkpoint's signature and decodes it.
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
