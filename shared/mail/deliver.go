package mail

import (
	"context"
	"encoding/json"
	"fmt"
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

const (
	selectMail = `SELECT wrapped_key, message, created_at FROM mails WHERE id = $1 FOR UPDATE`
	deleteMail = `DELETE FROM mails WHERE id = $1`
)

// Deliver sends a queued mail and deletes it; one that is gone was sent before. The
// lock on its row has a second delivery wait for the first.
func (s *Sender) Deliver(ctx context.Context, db *pgxpool.Pool, keeper *secret.Keeper, id uuid.UUID) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var wrapped, sealed []byte
		var queued time.Time
		err := tx.QueryRow(ctx, selectMail, id).Scan(&wrapped, &sealed, &queued)
		if database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read mail %s: %w", id, err)
		}
		if time.Since(queued) > GoodFor {
			return fault.New(fault.Invalid, "This mail has waited for more than %d days and is sent no more", int(GoodFor.Hours()/24))
		}
		m, err := unseal(ctx, keeper, wrapped, sealed)
		if err != nil {
			return fmt.Errorf("open mail %s: %w", id, err)
		}
		if err := s.Send(ctx, id, m); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteMail, id); err != nil {
			return fmt.Errorf("delete sent mail %s: %w", id, err)
		}
		return nil
	})
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
