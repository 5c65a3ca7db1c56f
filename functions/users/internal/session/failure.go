package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
)

// countFailure also deletes expired rows, so no schedule is needed.
const countFailure = `
WITH forgotten AS (
    DELETE FROM login_failures WHERE key IN (
        SELECT key FROM login_failures WHERE last_failed_at < now() - @memory::interval AND key NOT IN (@pair, @account) LIMIT 10 FOR UPDATE SKIP LOCKED)
), pair AS (
    INSERT INTO login_failures AS l (key, account, source, failures, last_failed_at) VALUES (@pair, @account, @source, 1, now())
    ON CONFLICT (key) DO UPDATE SET last_failed_at = now(), source = excluded.source,
        failures = CASE WHEN l.last_failed_at < now() - @memory::interval THEN 1 ELSE l.failures + 1 END
    RETURNING failures
), account AS (
    INSERT INTO login_failures AS l (key, account, failures, last_failed_at)
    SELECT @account::bytea, @account, 1, now() FROM pair WHERE failures <= @share
    ON CONFLICT (key) DO UPDATE SET last_failed_at = now(),
        failures = CASE WHEN l.last_failed_at < now() - @memory::interval THEN 1 ELSE l.failures + 1 END
    RETURNING failures
)
SELECT failures, coalesce((SELECT failures FROM account), 0), CASE WHEN failures = 1 THEN (
    SELECT count(*) FROM (SELECT FROM login_failures WHERE source = @source AND key <> @pair AND last_failed_at > now() - @address_memory::interval LIMIT @most) s) + 1
    ELSE 0 END
FROM pair`

// ErrWrongCredentials is the response to a wrong password and to an unknown address.
var ErrWrongCredentials = fault.New(fault.Unauthenticated, "The email address or the password is wrong")

// recordTimeout limits the time for recording a failure.
const recordTimeout = 10 * time.Second

// Failed counts a wrong password, mails the owner of an account under attack, and returns
// ErrWrongCredentials. It counts the failure even if the client has disconnected.
func (a *Attempt) Failed(ctx context.Context, mailer notify.Mailer, organization uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := a.guard.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		failures, err := a.count(ctx, tx)
		if err != nil {
			return err
		}
		entry := a.Entry(organization)
		entry.Refused = "wrong password"
		if blocked := delays(failures); len(blocked) > 0 {
			entry.Detail = map[string]any{"blocked_seconds": blocked}
		}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		if a.user != uuid.Nil && a.locksOut(failures) {
			if err := mailUnlock(ctx, a.guard.Store, tx, mailer, a.user); err != nil {
				return err
			}
		}
		return countFailed(ctx, a.guard.Store, tx, failures)
	})
	if err != nil {
		return fmt.Errorf("record a failed login: %w", err)
	}
	return ErrWrongCredentials
}

// Entry is the audit entry of the attempt. It belongs to the organization that the account
// would log in to, if any.
func (a *Attempt) Entry(organization uuid.UUID) audit.Entry {
	entry := audit.Entry{Action: "sessions:begin", OrganizationID: organization}
	if a.user != uuid.Nil {
		entry.ResourceID = a.user.String()
	}
	return entry
}

// locksOut reports whether the failures newly lock the owner out or keep doing so, either
// from new sources or from a known one.
func (a *Attempt) locksOut(failures map[scope]int) bool {
	n := failures[accountScope]
	if a.knownSource {
		n = max(n, failures[pairScope])
	}
	over := n - freeFailures[accountScope]
	return over > 0 && over%unlockEvery == 1
}

// count records a failure and returns the resulting counts.
func (a *Attempt) count(ctx context.Context, tx pgx.Tx) (map[scope]int, error) {
	var pair, account, address int
	err := tx.QueryRow(ctx, countFailure, pgx.NamedArgs{
		"pair": a.keys[pairScope], "account": a.keys[accountScope], "source": a.keys[addressScope], "share": fromOneSource,
		"memory": failureMemory, "address_memory": addressMemory, "most": addressCounts,
	}).Scan(&pair, &account, &address)
	if err != nil {
		return nil, fmt.Errorf("count failure: %w", err)
	}
	return map[scope]int{pairScope: pair, accountScope: account, addressScope: address}, nil
}

// delays returns the delays in seconds that the failures now cause.
func delays(failures map[scope]int) map[scope]float64 {
	blocked := map[scope]float64{}
	for s, n := range failures {
		if d := s.delay(n); d > 0 {
			blocked[s] = d.Seconds()
		}
	}
	return blocked
}

// If the password was replaced while the login checked it, the login fails. The lock makes a
// password change wait and then end this session, too.
const (
	clearFailures  = `WITH cleared AS (DELETE FROM login_failures WHERE key IN ($3, $4)) `
	checkUnchanged = clearFailures + `SELECT id FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE`
	replaceHash    = clearFailures + `UPDATE users SET password_hash = $5 WHERE id = $1 AND password_hash = $2 RETURNING id`
)

// Succeeded clears the failures of the account and of the pair after a correct password. Its
// statements run in the transaction that begins the session. It stores the new hash if the
// password was rehashed (else empty). The transaction fails with ErrWrongCredentials if the
// password changed in the meantime.
func (a *Attempt) Succeeded(b *pgx.Batch, verified, rehashed string) {
	statement, arguments := checkUnchanged, []any{a.user, verified, a.keys[pairScope], a.keys[accountScope]}
	if rehashed != "" {
		statement, arguments = replaceHash, append(arguments, rehashed)
	}
	b.Queue(statement, arguments...).Query(func(rows pgx.Rows) error {
		same, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("clear failures: %w", err)
		}
		if len(same) == 0 {
			return ErrWrongCredentials
		}
		return nil
	})
}
