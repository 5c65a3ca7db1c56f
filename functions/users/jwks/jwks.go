// Package jwks publishes the keys that verify access tokens:
// GET /.well-known/jwks.json (RFC 7517).
package jwks

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/auth"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-jwks", "/.well-known/jwks.json", "List the keys that verify access tokens", policy.Public), New)

// Key is an Ed25519 public key (RFC 8037 §2).
type Key struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	X         string `json:"x" doc:"The key, base64url"`
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg" enum:"EdDSA"`
	Use       string `json:"use" enum:"sig"`
}

// Response is the key set.
type Response struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []Key `json:"keys" nullable:"false"`
	}
}

// Function publishes keys.
type Function struct{ db *pgxpool.Pool }

// New opens the published keys: it holds none that signs.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Identity(ctx)
	return &Function{db}, err
}

// Handle lists the keys, newest first: those that sign, signed lately or will sign soon.
// There is none before the first login.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	keys, err := auth.PublicKeys(ctx, f.db)
	if err != nil {
		return nil, err
	}
	out := &Response{CacheControl: fmt.Sprintf("public, max-age=%d", int(auth.JWKSMaxAge.Seconds()))}
	out.Body.Keys = []Key{}
	for _, k := range keys {
		out.Body.Keys = append(out.Body.Keys, Key{KeyType: "OKP", Curve: "Ed25519", X: k.X(), KeyID: k.KID, Algorithm: "EdDSA", Use: "sig"})
	}
	return out, nil
}
