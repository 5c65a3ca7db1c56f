package users

import (
	"context"

	"function/shared/audit"
	"function/shared/function"
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
	return metrics.Add(ctx, tx, loginsTotal, metrics.Labels{"result": "success"}, 1)
}

// LoginRefused records that a login was refused although its password was right.
func (s Store) LoginRefused(ctx context.Context, entry audit.Entry) error {
	return s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		return metrics.Add(ctx, tx, loginsTotal, metrics.Labels{"result": "failure"}, 1)
	})
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
	return metrics.Add(ctx, tx, loginsTotal, metrics.Labels{"result": "failure"}, 1)
}

// keepTallies has what is counted without a transaction written a moment later: hashes
// that waited for their turn, or found the queue full, and logins that were refused
// because of earlier failures.
func (s Store) keepTallies(env *function.Env) {
	for _, k := range []struct {
		tally  *metrics.Tally
		name   string
		labels metrics.Labels
	}{
		{&s.Hasher.Refused, "password_hashes_refused_total", nil},
		{&s.Hasher.Waited, "password_hashes_waited_total", nil},
		{s.locked, loginsTotal, metrics.Labels{"result": "locked"}},
	} {
		k.tally.Keep(s.DB, k.name, k.labels)
		env.OnClose(k.tally.Close)
	}
}
