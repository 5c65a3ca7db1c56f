package document

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/documents"
	"function/shared/outbox"
)

// Area removes documents that no data set has.
type Area struct {
	DB     *outbox.DB
	Server documents.Server // nil: MongoDB is not configured
}

const (
	selectStale = `SELECT id, collection FROM staged_documents WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT 500 FOR UPDATE SKIP LOCKED`
	staleAfter  = time.Hour
)

// Sweep removes what interrupted requests have left in MongoDB.
func (a Area) Sweep(ctx context.Context) error {
	if a.Server == nil {
		return nil
	}
	for more := true; more; {
		err := database.Transact(ctx, a.DB.Pool, func(tx *database.Tx) error {
			rows, _ := tx.Query(ctx, selectStale, staleAfter)
			stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
				ID         uuid.UUID
				Collection string
			}])
			more = len(stale) > 0
			for _, d := range stale {
				err = errors.Join(err, a.Server.Delete(ctx, d.Collection, d.ID))
				if err == nil {
					_, err = tx.Exec(ctx, deleteStaged, d.ID)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep documents: %w", err)
		}
	}
	return nil
}

const selectCollections = `SELECT dataset_id FROM document_collections WHERE dataset_id = ANY ($1)`

// Drop removes all documents of data sets that are being destroyed, wherever they are.
func (a Area) Drop(ctx context.Context, tx *outbox.Tx, datasets []uuid.UUID) error {
	rows, _ := tx.Query(ctx, selectCollections, datasets)
	some, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list collections: %w", err)
	}
	for _, id := range some {
		if err := (documents.PostgreSQL{DB: tx}).Drop(ctx, collection(id)); err != nil {
			return err
		}
		if a.Server == nil {
			continue
		}
		if err := a.Server.Drop(ctx, collection(id)); err != nil {
			return err
		}
	}
	return nil
}
