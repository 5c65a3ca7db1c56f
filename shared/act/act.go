// Package act is how an operation changes something: in one transaction with the entry of
// the audit trail that says so. A refusal has an entry, too, after the rollback.
package act

import (
	"context"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// Do runs work in a transaction that also holds its audit entry, which work may complete.
// A refusal, which is a fault of the caller's or a constraint that has a sentence
// (database.Constraint), is recorded after the rollback and returned.
func Do(ctx context.Context, db *outbox.DB, entry audit.Entry, work func(*outbox.Tx, *audit.Entry) error) error {
	begun := entry
	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		entry = begun // work may run again
		if err := work(tx, &entry); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	return Refused(ctx, db, entry, err)
}

// Refused records a refusal whose transaction was rolled back or never begun, and returns
// it. What is our own failure is none. Of callers whom no token names, a flood becomes a
// few entries and a count.
func Refused(ctx context.Context, db *outbox.DB, entry audit.Entry, err error) error {
	if refusal := database.Refusal(err); refusal != nil {
		err = refusal
	}
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	entry.Refused = f.Detail
	if auditErr := record(ctx, db, entry); auditErr != nil {
		return auditErr
	}
	return err
}

func record(ctx context.Context, db *outbox.DB, entry audit.Entry) error {
	if _, err := auth.CallerFrom(ctx); err == nil || db.Sources == nil {
		return audit.Record(ctx, db, entry)
	}
	return audit.RecordCounted(ctx, db, db.Sources(client.From(ctx).Source()), entry)
}
