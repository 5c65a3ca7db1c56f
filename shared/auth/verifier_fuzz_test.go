package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// FuzzClaims checks that claims of any token are accepted only if they were signed, also while
// valid tokens are cached.
func FuzzClaims(f *testing.F) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	key := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(TokenType))
	if err != nil {
		f.Fatal(err)
	}
	signed := Claims{
		Issuer: "i", Audience: "a", Subject: uuid.NewString(), SessionID: uuid.NewString(), Roles: []string{"member"},
		IssuedAt: time.Now().Unix(), Expiry: time.Now().Add(24 * time.Hour).Unix(),
	}
	payload, err := json.Marshal(signed)
	if err != nil {
		f.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		f.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		f.Fatal(err)
	}
	verifier := NewVerifier(nil, "i", "a")
	verifier.own.keys = &keys{map[string]jose.JSONWebKey{"k": {Key: public, KeyID: "k", Algorithm: "EdDSA"}}}
	verifier.own.readAt, verifier.own.askedAt = time.Now().Add(24*time.Hour), time.Now().Add(24*time.Hour) // avoids reading them
	want, err := verifier.token(context.Background(), token)
	if err != nil {
		f.Fatal("the token that was signed is refused: ", err)
	}

	f.Add(token)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := verifier.token(context.Background(), token)
		if err != nil {
			return
		}
		if got.who != want.who || got.user != want.user || !got.expires.Equal(want.expires) {
			t.Errorf("takes claims that nobody signed: %+v", got)
		}
	})
}
