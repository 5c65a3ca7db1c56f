package users

import (
	"context"

	"function/shared/audit"
	"function/shared/fault"
)

// Refused puts a refusal on record, whose transaction was rolled back or never begun,
// and returns it. What is our own failure is none.
func (s Store) Refused(ctx context.Context, entry audit.Entry, err error) error {
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	entry.Refused = f.Detail
	if auditErr := audit.Record(ctx, s.DB, entry); auditErr != nil {
		return auditErr
	}
	return err
}
