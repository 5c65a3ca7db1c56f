package users

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/client"
	"function/shared/fault"
	"function/shared/outbox"
)

// Attempt is somebody's try to prove by a password that an account is theirs. It is
// counted per account, per network address and per pair of them, whether or not the
// account exists; failures in a row make the next try wait (NIST SP 800-63B-4 §3.2.2,
// OWASP Authentication). The delay of the account spares the addresses that its owner
// has come from before, so that nobody locks the owner out.
type Attempt struct {
	store   Store
	user    uuid.UUID // uuid.Nil: there is no such account
	from    client.Client
	account []byte // HMAC of the address that was given
	keys    map[scope][]byte
	waits   map[scope]time.Duration // for what failed before
}

// scope is what failures are counted by.
type scope string

const (
	ofPair    scope = "pair"
	ofAccount scope = "account"
	ofAddress scope = "address"
)

// free are the failures in a row that cost no delay.
var free = map[scope]int{ofPair: 5, ofAccount: 20, ofAddress: 50}

const (
	longestDelay  = 15 * time.Minute
	failureMemory = 24 * time.Hour // without a failure, after which counting begins anew
	unlockEvery   = 100            // failures: at the longest delay they take a day
)

// delay is how long after so many failures in a row the next try has to wait: 1 s,
// 2 s, 4 s … once the free ones are used up.
func (s scope) delay(failures int) time.Duration {
	over := failures - free[s]
	if over <= 0 {
		return 0
	}
	return min(time.Duration(math.Exp2(float64(min(over-1, 20))))*time.Second, longestDelay)
}

// Attempt is a try by the client of the request on the account that EmailIndex finds.
func (s Store) Attempt(ctx context.Context, emailIndex []byte) Attempt {
	a := Attempt{store: s, waits: map[scope]time.Duration{}, from: client.From(ctx), account: s.accountKey(emailIndex)}
	source := a.from.Source()
	a.keys = map[scope][]byte{
		ofAccount: a.account,
		ofPair:    s.Keeper.BlindIndex("login_failures.pair", hex.EncodeToString(emailIndex)+" "+source),
	}
	if source != "" {
		a.keys[ofAddress] = s.Keeper.BlindIndex("login_failures.address", source)
	}
	return a
}

// FailuresKey is what the failed logins of an account are counted by.
func (s Store) FailuresKey(emailIndex []byte) []byte { return s.accountKey(emailIndex) }

func (s Store) accountKey(emailIndex []byte) []byte {
	return s.Keeper.BlindIndex("login_failures.account", string(emailIndex))
}

func (a Attempt) every() (keys [][]byte) {
	for _, key := range a.keys {
		keys = append(keys, key)
	}
	return keys
}

const (
	selectFailures = `SELECT key, failures, now() - last_failed_at FROM login_failures WHERE key = ANY ($1) AND last_failed_at > now() - $2::interval`
	selectKnown    = `SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND address_index = $2)`
)

// Read reads the earlier failures with a batch.
func (a Attempt) Read(b *pgx.Batch) {
	b.Queue(selectFailures, a.every(), failureMemory).Query(func(rows pgx.Rows) error {
		var key []byte
		var failures int
		var ago time.Duration
		scopes := a.scopes()
		_, err := pgx.ForEachRow(rows, []any{&key, &failures, &ago}, func() error {
			s := scopes[string(key)]
			if delay := s.delay(failures); delay > 0 {
				a.waits[s] = delay - ago
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read failures: %w", err)
		}
		return nil
	})
}

// On tells whose account it is; uuid.Nil if there is none.
func (a *Attempt) On(user uuid.UUID) { a.user = user }

// Allowed tells whether the try may be made now; else it is fault.Limited, with the
// time to wait. It costs the same whether or not the account exists.
func (a Attempt) Allowed(ctx context.Context) error {
	wait := max(a.waits[ofPair], a.waits[ofAddress])
	if ofAll := a.waits[ofAccount]; ofAll > wait {
		known, err := a.known(ctx)
		if err != nil {
			return err
		}
		if !known {
			wait = ofAll
		}
	}
	if wait <= 0 {
		return nil
	}
	a.store.locked.Inc()
	whole := wait.Truncate(time.Second) + time.Second
	return fault.New(fault.Limited, "Too many logins have failed; wait, then try again. A mail with a way to unlock the account may have been sent to its address").After(whole)
}

func (a Attempt) scopes() map[string]scope {
	by := map[string]scope{}
	for s, key := range a.keys {
		by[string(key)] = s
	}
	return by
}

func (a Attempt) known(ctx context.Context) (known bool, err error) {
	index := AddressIndex(a.store.Keeper, a.user, a.from.Address)
	if err := a.store.DB.QueryRow(ctx, selectKnown, a.user, index).Scan(&known); err != nil {
		return false, fmt.Errorf("look for the address among sessions: %w", err)
	}
	return known, nil
}

// Rows that tell nothing any more go with those that come: no schedule is needed.
const countFailure = `
WITH forgotten AS (
    DELETE FROM login_failures WHERE key IN (
        SELECT key FROM login_failures WHERE last_failed_at < now() - @memory::interval AND key <> ALL (@keys::bytea[]) LIMIT 10 FOR UPDATE SKIP LOCKED)
)
INSERT INTO login_failures AS l (key, account, failures, last_failed_at)
SELECT key, account, 1, now() FROM unnest(@keys::bytea[], @accounts::bytea[]) AS k (key, account) ORDER BY key
ON CONFLICT (key) DO UPDATE SET last_failed_at = now(),
    failures = CASE WHEN l.last_failed_at < now() - @memory::interval THEN 1 ELSE l.failures + 1 END
RETURNING key, failures`

// ErrNotProved is what a wrong password and an unknown address are answered with.
var ErrNotProved = fault.New(fault.Unauthenticated, "The email address or the password is not right")

// recording bounds what is written after a failure.
const recording = 10 * time.Second

// Failed counts a wrong password, mails the owner of an account that many were tried
// on, and returns ErrNotProved. A client that has gone
// is counted all the same.
func (a Attempt) Failed(ctx context.Context, post Post, organization uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	err := a.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		failures, err := a.count(ctx, tx)
		if err != nil {
			return err
		}
		entry := audit.Entry{Action: "sessions:begin", OrganizationID: organization, Refused: "wrong password"}
		if a.user != uuid.Nil {
			entry.ResourceID = a.user.String()
		}
		if blocked := blocks(failures); len(blocked) > 0 {
			entry.Detail = map[string]any{"blocked_seconds": blocked}
		}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		if over := failures[ofAccount] - free[ofAccount]; over > 0 && over%unlockEvery == 1 && a.user != uuid.Nil {
			if err := a.store.mailUnlock(ctx, tx, post, a.user); err != nil {
				return err
			}
		}
		return a.store.countFailed(ctx, tx, failures)
	})
	if err != nil {
		return fmt.Errorf("record a failed login: %w", err)
	}
	return ErrNotProved
}

// count adds a failure to each key, and returns how many each has.
func (a Attempt) count(ctx context.Context, tx pgx.Tx) (map[scope]int, error) {
	var keys, accounts [][]byte
	for s, key := range a.keys {
		account := a.account
		if s == ofAddress {
			account = nil
		}
		keys, accounts = append(keys, key), append(accounts, account)
	}
	rows, _ := tx.Query(ctx, countFailure, pgx.NamedArgs{"keys": keys, "accounts": accounts, "memory": failureMemory})
	scopes, failures := a.scopes(), map[scope]int{}
	var key []byte
	var n int
	_, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error {
		failures[scopes[string(key)]] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count failure: %w", err)
	}
	return failures, nil
}

// blocks are the seconds for which failures now block what.
func blocks(failures map[scope]int) map[scope]float64 {
	blocked := map[scope]float64{}
	for s, n := range failures {
		if d := s.delay(n); d > 0 {
			blocked[s] = d.Seconds()
		}
	}
	return blocked
}

// A login of a password that was replaced while it was checked has lost the race:
// the lock makes a change of the password wait, and then end this session too.
const (
	clearFailures = `WITH cleared AS (DELETE FROM login_failures WHERE key = ANY ($3)) `
	stillHolds    = clearFailures + `SELECT id FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE`
	replaceHash   = clearFailures + `UPDATE users SET password_hash = $4 WHERE id = $1 AND password_hash = $2 RETURNING id`
)

// Prove clears, with the statements that begin a transaction, the failures of the
// account and of the pair after a right password, whose hash was verified, and stores
// it anew if it was rehashed (else empty). The transaction is ErrNotProved if the
// password was changed meanwhile.
func (a Attempt) Prove(b *pgx.Batch, verified, rehashed string) {
	statement, arguments := stillHolds, []any{a.user, verified, [][]byte{a.keys[ofPair], a.keys[ofAccount]}}
	if rehashed != "" {
		statement, arguments = replaceHash, append(arguments, rehashed)
	}
	b.Queue(statement, arguments...).Query(func(rows pgx.Rows) error {
		same, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("clear failures: %w", err)
		}
		if len(same) == 0 {
			return ErrNotProved
		}
		return nil
	})
}
