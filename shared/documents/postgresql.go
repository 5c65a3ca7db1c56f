package documents

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/database"
)

// PostgreSQL stores documents in the table `documents` of a domain's own database. If DB is a
// transaction, documents commit with it.
type PostgreSQL struct{ DB Querier }

// Querier is a transaction or a pool.
type Querier interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

const (
	insertDocument   = `INSERT INTO documents (collection, id, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	selectDocument   = `SELECT body FROM documents WHERE collection = $1 AND id = $2`
	selectDocuments  = `SELECT id, body FROM documents WHERE collection = $1 AND id = ANY ($2)`
	deleteDocument   = `DELETE FROM documents WHERE collection = $1 AND id = $2`
	deleteCollection = `DELETE FROM documents WHERE collection = $1`
)

// Put implements Store.
func (s PostgreSQL) Put(ctx context.Context, collection string, id uuid.UUID, body []byte) error {
	if len(body) > MaxSize {
		return ErrTooLarge
	}
	inserted, err := s.DB.Exec(ctx, insertDocument, collection, id, body)
	if err != nil {
		return fmt.Errorf("write document of %s: %w", collection, err)
	}
	if inserted.RowsAffected() == 0 {
		return ErrExists
	}
	return nil
}

// Get implements Store.
func (s PostgreSQL) Get(ctx context.Context, collection string, id uuid.UUID) (body []byte, err error) {
	err = s.DB.QueryRow(ctx, selectDocument, collection, id).Scan(&body)
	if database.IsNoRows(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read document of %s: %w", collection, err)
	}
	return body, nil
}

// GetAll implements Store.
func (s PostgreSQL) GetAll(ctx context.Context, collection string, ids []uuid.UUID) (map[uuid.UUID][]byte, error) {
	found := make(map[uuid.UUID][]byte, len(ids))
	var id uuid.UUID
	var body []byte
	rows, _ := s.DB.Query(ctx, selectDocuments, collection, ids)
	_, err := pgx.ForEachRow(rows, []any{&id, &body}, func() error {
		found[id], body = body, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read documents of %s: %w", collection, err)
	}
	return found, nil
}

// Delete implements Store.
func (s PostgreSQL) Delete(ctx context.Context, collection string, id uuid.UUID) error {
	if _, err := s.DB.Exec(ctx, deleteDocument, collection, id); err != nil {
		return fmt.Errorf("delete document of %s: %w", collection, err)
	}
	return nil
}

// Drop implements Store.
func (s PostgreSQL) Drop(ctx context.Context, collection string) error {
	if _, err := s.DB.Exec(ctx, deleteCollection, collection); err != nil {
		return fmt.Errorf("delete documents of %s: %w", collection, err)
	}
	return nil
}
