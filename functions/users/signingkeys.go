package users

import (
	"context"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
)

// ReplaceSigningKeys makes a signing key that signs at once and withdraws all others, and
// tells its `kid`: for whoever runs the platform, when a key may have leaked.
func (s Store) ReplaceSigningKeys(ctx context.Context, issuer *auth.Issuer) (kid string, err error) {
	err = s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if kid, err = issuer.Replace(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "signing_keys:replace", ResourceID: kid, Platform: true})
	})
	return kid, err
}
