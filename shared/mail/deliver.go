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

// GoodFor is how long a mail may wait: a link in an older one has long expired.
const GoodFor = 7 * 24 * time.Hour

// A mail that the server does not take now is tried again after a minute, and then after
// twice as long each time, up to an hour: what is in most mails is good for an hour or a
// day. (A mail server, which a mail is handed
// over to, has more patience: RFC 5321 §4.5.4.1.)
const (
	firstPause   = time.Minute
	longestPause = time.Hour
)

// A mail that somebody else is sending is skipped: they send it, or say when to try again.
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

// Deliver sends a queued mail and deletes it; one that is gone was sent before, or was
// about somebody who was erased. One that the server does not take now is due again after
// a pause ([Sender.DeliverDue]): that is no error. One that is refused for good, or is too
// old, is fault.Invalid, and sent only by another Deliver.
func (s *Sender) Deliver(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper, id uuid.UUID) error {
	_, err := s.deliver(ctx, db, keeper, true, selectMail, id)
	return err
}

// DeliverDue does with the mail that has been due for longest what Deliver does; uuid.Nil:
// none is due. One that is refused for good is told by the fault, and due again after a
// pause: only a Deliver gives it up, whose event becomes the dead letter.
func (s *Sender) DeliverDue(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper) (id uuid.UUID, err error) {
	return s.deliver(ctx, db, keeper, false, selectDue)
}

func isForGood(failure error) bool {
	f, ok := fault.As(failure)
	return ok && f.Kind == fault.Invalid
}

// deliver takes a mail, and holds it while the server answers.
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
		case isForGood(failure) && mayGiveUp:
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
	if err == nil && isForGood(failure) {
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
