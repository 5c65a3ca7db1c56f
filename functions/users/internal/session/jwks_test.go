package session_test

import (
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// verifyWith checks a token in the way of an outsider who only has the key set.
func verifyWith(keys []byte, token string) error {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(keys, &set); err != nil {
		return fmt.Errorf("read key set: %w", err)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return fmt.Errorf("parse token: %w", err)
	}
	if _, err := jws.Verify(set); err != nil {
		return fmt.Errorf("verify token with %s: %w", keys, err)
	}
	return nil
}
