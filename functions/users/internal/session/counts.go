package session

import (
	"context"

	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/metrics"
	"function/shared/outbox"
)

// LoginsTotal counts logins by their result.
const LoginsTotal = "user_logins_total"

// LoggedIn records a new session in the audit trail and in the metrics. Every login calls it
// last in the session's transaction, because concurrent logins contend for the counters.
func LoggedIn(ctx context.Context, s store.Store, tx *outbox.Tx, l Login) error {
	err := audit.Record(ctx, tx, audit.Entry{
		Action: "sessions:begin", ResourceID: l.UserID.String(), OrganizationID: l.OrganizationID, ActorID: l.UserID,
		Detail: map[string]any{"methods": l.Methods, "session": l.SessionID},
	})
	if err != nil {
		return err
	}
	return metrics.Add(ctx, tx, LoginsTotal, metrics.Labels{"result": "success"}, 1)
}

// LoginRefused records that a login was refused although its password was right.
func LoginRefused(ctx context.Context, s store.Store, entry audit.Entry) error {
	return s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		return metrics.Add(ctx, tx, LoginsTotal, metrics.Labels{"result": "failure"}, 1)
	})
}

// countFailed counts a failure and the lockouts that it starts.
func countFailed(ctx context.Context, s store.Store, tx *outbox.Tx, failures map[scope]int) error {
	for _, of := range []scope{accountScope, addressScope, pairScope} {
		if failures[of] != freeFailures[of]+1 {
			continue
		}
		if err := metrics.Add(ctx, tx, "user_lockouts_total", metrics.Labels{"scope": string(of)}, 1); err != nil {
			return err
		}
	}
	return metrics.Add(ctx, tx, LoginsTotal, metrics.Labels{"result": "failure"}, 1)
}
