package session

import (
	"context"

	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/function"
	"function/shared/outbox"
)

// ReplaceSigningKeys creates a signing key for immediate use, withdraws all others, and
// returns its `kid`. Operators use it when a key may have leaked.
func ReplaceSigningKeys(ctx context.Context, s store.Store, issuer *auth.Issuer) (kid string, err error) {
	err = s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if kid, err = issuer.Replace(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "signing_keys:replace", ResourceID: kid, Platform: true})
	})
	return kid, err
}

// NewIssuer returns the issuer that signs the domain's access tokens.
func NewIssuer(s store.Store, env *function.Env) *auth.Issuer {
	return auth.NewIssuer(s.DB.Pool, s.Keeper, env.Config.TokenIssuer, env.Config.TokenAudience)
}
