package administer

import (
	"context"
	"fmt"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/session"
	"function/shared/fault"
	"function/shared/outbox"
)

var deleteFactors = []string{
	`DELETE FROM totp_secrets WHERE user_id = $1`,
	`DELETE FROM passkeys WHERE user_id = $1`,
	`DELETE FROM recovery_codes WHERE user_id = $1`,
}

// ResetFactors removes a person's second factors if the person has lost them or somebody else
// has added one.
func (f *Function) ResetFactors(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "users:reset_second_factors", string(in.Body.Reason), func(tx *outbox.Tx, _ lifecycle.Subject) error {
		factors, err := credential.FactorsOf(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if !factors.Any() {
			return fault.New(fault.Conflict, "This person has no second factor")
		}
		for _, statement := range deleteFactors {
			if _, err := tx.Exec(ctx, statement, in.ID); err != nil {
				return fmt.Errorf("delete second factors: %w", err)
			}
		}
		if err := session.ForgetGuesses(ctx, f.store, tx, in.ID); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, in.ID, "revoked"); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.SecondFactorsReset)
	})
}
