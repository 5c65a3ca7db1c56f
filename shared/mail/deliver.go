package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/secret"
)

// GoodFor is how long a mail may wait. Any link in an older one has expired.
const GoodFor = 7 * 24 * time.Hour

// A mail that the server rejects temporarily is retried after a minute, and then after twice the
// previous pause, up to an hour: the links in most mails are valid for an hour or a day. (The mail
// server itself retries for longer once it has accepted a mail: RFC 5321 §4.5.4.1.)
const (
	firstPause   = time.Minute
	longestPause = time.Hour
)

// A mail that another process is sending is skipped: that process sends or reschedules it.
const (
	selectMail = `SELECT id, wrapped_key, message, created_at, attempts FROM mails WHERE id = $1 FOR UPDATE SKIP LOCKED`
	selectDue  = `
SELECT id, wrapped_key, message, created_at, attempts FROM mails
WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED`
	deleteMail = `DELETE FROM mails WHERE id = $1`
	postpone   = `UPDATE mails SET attempts = attempts + 1, next_attempt_at = now() + $2::interval WHERE id = $1`
	giveUp     = `UPDATE mails SET attempts = attempts + 1, next_attempt_at = 'infinity' WHERE id = $1`
)

type queued struct {
	ID         uuid.UUID
	WrappedKey []byte
	Message    []byte
	CreatedAt  time.Time
	Attempts   int
}

// Deliver sends a queued mail and deletes it. A missing mail is no error: it was sent before or
// concerned an erased person. A mail that the server rejects temporarily is no error either:
// [Sender.DeliverDue] retries it after a pause. A mail that is rejected permanently, or is too old,
// is fault.Invalid; only another call of Deliver sends it.
func (s *Sender) Deliver(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper, id uuid.UUID) error {
	_, err := s.deliver(ctx, db, keeper, true, selectMail, id)
	return err
}

// DeliverDue delivers the mail that has been due for longest and returns its ID, or uuid.Nil if
// none is due. A permanent rejection is returned as a fault, but the mail is retried after a pause:
// only Deliver gives it up, since its event then becomes the dead letter.
func (s *Sender) DeliverDue(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper) (id uuid.UUID, err error) {
	return s.deliver(ctx, db, keeper, false, selectDue)
}

func isPermanent(failure error) bool {
	f, ok := fault.As(failure)
	return ok && f.Kind == fault.Invalid
}

// deliver locks a mail and holds it while the server responds.
func (s *Sender) deliver(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper, mayGiveUp bool, query string, arguments ...any) (id uuid.UUID, err error) {
	var failure error
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		m, err := database.One[queued](ctx, tx, pgx.ErrNoRows, query, arguments...)
		if database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read mail: %w", err)
		}
		id = m.ID
		note := []any{id}
		statement := deleteMail
		switch failure = s.send(ctx, keeper, m); {
		case failure == nil:
		case isPermanent(failure) && mayGiveUp:
			statement = giveUp
		default:
			pause := min(firstPause<<min(m.Attempts, 10), longestPause)
			statement, note = postpone, append(note, pause)
			slog.WarnContext(ctx, "a mail was not sent", "mail", id, "attempts", m.Attempts+1, "next_in", pause, "error", failure)
		}
		if _, err := tx.Exec(ctx, statement, note...); err != nil {
			return fmt.Errorf("record outcome of mail %s: %w", id, err)
		}
		return nil
	})
	if err == nil && isPermanent(failure) {
		err = failure
	}
	return id, err
}

func (s *Sender) send(ctx context.Context, keeper *secret.Keeper, m queued) error {
	if time.Since(m.CreatedAt) > GoodFor {
		return fault.New(fault.Invalid, "This mail has waited for more than %d days and will not be sent", int(GoodFor.Hours()/24))
	}
	message, err := unseal(ctx, keeper, m.WrappedKey, m.Message)
	if err != nil {
		return fmt.Errorf("open mail %s: %w", m.ID, err)
	}
	return s.Send(ctx, m.ID, message)
}

func unseal(ctx context.Context, keeper *secret.Keeper, wrapped, sealed []byte) (m Message, err error) {
	key, err := keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return m, err
	}
	plain, err := secret.Unseal(key, field, sealed)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(plain), &m); err != nil {
		return m, fmt.Errorf("decode mail: %w", err)
	}
	return m, nil
}
