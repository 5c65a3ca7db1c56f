// Package act runs an operation's change and its audit entry in one transaction. A refusal is
// audited after the rollback.
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

// Do runs work in a transaction that also records the audit entry, which work may complete. A
// refusal, that is, a fault or a violated constraint that has a sentence (database.Constraint), is
// recorded after the rollback and returned.
func Do(ctx context.Context, db *outbox.DB, entry audit.Entry, work func(*outbox.Tx, *audit.Entry) error) error {
	begun := entry
	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		entry = begun // work may run more than once
		if err := work(tx, &entry); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	return Refused(ctx, db, entry, err)
}

// Refused records a refusal whose transaction was rolled back or never begun, and returns err as
// the caller's fault. Internal errors are returned without being recorded. Refusals of
// unauthenticated callers are counted per source, so that a flood makes few entries.
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
