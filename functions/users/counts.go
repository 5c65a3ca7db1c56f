package users

import (
	"context"
	"time"

	"function/shared/audit"
	"function/shared/metrics"
	"function/shared/outbox"
)

// LoggedIn records a session that has begun: in the audit trail and in the metrics.
// Every way to log in ends with it, in the transaction of the session, last: the
// counters are what logins that run at once share.
func (s Store) LoggedIn(ctx context.Context, tx *outbox.Tx, l Login) error {
	err := audit.Record(ctx, tx, audit.Entry{
		Action: "sessions:begin", ResourceID: l.UserID.String(), OrganizationID: l.OrganizationID, ActorID: l.UserID,
		Detail: map[string]any{"methods": l.Methods, "session": l.SessionID},
	})
	if err != nil {
		return err
	}
	if err := metrics.Add(ctx, tx, loginsTotal, metrics.Labels{"result": "success"}, 1); err != nil {
		return err
	}
	return s.Count(ctx, tx)
}

const loginsTotal = "user_logins_total"

// countFailed counts a failure, and the blocks that begin with it.
func (s Store) countFailed(ctx context.Context, tx *outbox.Tx, failures map[scope]int) error {
	for _, of := range []scope{ofAccount, ofAddress, ofPair} {
		if failures[of] != free[of]+1 {
			continue
		}
		if err := metrics.Add(ctx, tx, "user_lockouts_total", metrics.Labels{"scope": string(of)}, 1); err != nil {
			return err
		}
	}
	if err := metrics.Add(ctx, tx, loginsTotal, metrics.Labels{"result": "failure"}, 1); err != nil {
		return err
	}
	return s.Count(ctx, tx)
}

// Count writes what this process has counted without a transaction: hashes that
// waited for their turn, or found the queue full, and logins that were refused
// because of earlier failures. A process that is killed takes with it what it has
// not written yet; one that is told to end writes it.
func (s Store) Count(ctx context.Context, tx *outbox.Tx) error {
	if err := s.Hasher.Refused.Flush(ctx, tx, "password_hashes_refused_total", nil); err != nil {
		return err
	}
	if err := s.Hasher.Waited.Flush(ctx, tx, "password_hashes_waited_total", nil); err != nil {
		return err
	}
	return s.locked.Flush(ctx, tx, loginsTotal, metrics.Labels{"result": "locked"})
}

// writeCounts is Count when the process ends.
func (s Store) writeCounts() error {
	if s.Hasher.Refused.Empty() && s.Hasher.Waited.Empty() && s.locked.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return s.DB.Transact(ctx, func(tx *outbox.Tx) error { return s.Count(ctx, tx) })
}
