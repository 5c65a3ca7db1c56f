package document

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// settings are what all documents of a data set share.
type settings struct {
	Schema *string
	key    []byte
}

const (
	selectCollection = `SELECT wrapped_key, schema FROM document_collections WHERE dataset_id = $1`
	insertCollection = `INSERT INTO document_collections (dataset_id, wrapped_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	updateSchema     = `UPDATE document_collections SET schema = $2 WHERE dataset_id = $1`
)

// settings returns what the documents of a data set share, or pgx.ErrNoRows before the first one.
func (s *Store) settings(ctx context.Context, db database.Querier, dataset uuid.UUID) (c settings, err error) {
	found, err := database.One[struct {
		WrappedKey []byte
		Schema     *string
	}](ctx, db, pgx.ErrNoRows, selectCollection, dataset)
	if err != nil {
		return c, err
	}
	c.Schema = found.Schema
	c.key, err = s.Keys.Unwrap(ctx, found.WrappedKey)
	return c, err
}

// create is [Store.settings] for a transaction that may be the first to need them.
func (s *Store) create(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID) (settings, error) {
	c, err := s.settings(ctx, tx, dataset)
	if !database.IsNoRows(err) {
		return c, err
	}
	_, wrapped, err := s.Keys.NewKey(ctx)
	if err != nil {
		return c, err
	}
	if _, err := tx.Exec(ctx, insertCollection, dataset, wrapped); err != nil {
		return c, fmt.Errorf("insert collection: %w", err)
	}
	return s.settings(ctx, tx, dataset) // another transaction may have inserted it first
}

// ErrNoSchema is returned for a data set without a schema.
var ErrNoSchema = fault.New(fault.NotFound, "The documents of this data set have no schema")

// Schema returns the schema of a data set's documents as it was set.
func (s *Store) Schema(ctx context.Context, dataset uuid.UUID) (Content, error) {
	found, err := database.One[struct{ Schema *string }](ctx, s.DB, ErrNoSchema, `SELECT schema FROM document_collections WHERE dataset_id = $1`, dataset)
	if err != nil {
		return Content{}, err
	}
	if found.Schema == nil {
		return Content{}, ErrNoSchema
	}
	return Content{[]byte(*found.Schema)}, nil
}

// SetSchema sets the schema of a data set's documents, or removes it if it is nil. Documents that are
// stored already are not checked.
func (s *Store) SetSchema(ctx context.Context, caller auth.Caller, id uuid.UUID, schema *string) error {
	entry := audit.Entry{Action: "datasets:set_document_schema", ResourceID: id.String()}
	if schema == nil {
		entry.Action = "datasets:delete_document_schema"
	}
	return act.Do(ctx, s.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockDocuments(ctx, tx, id, access.Of(caller)); err != nil {
			return err
		}
		now, err := s.create(ctx, tx, id)
		if err != nil {
			return err
		}
		if schema == nil && now.Schema == nil {
			return ErrNoSchema
		}
		if _, err := tx.Exec(ctx, updateSchema, id, schema); err != nil {
			return fmt.Errorf("set schema: %w", err)
		}
		return nil
	})
}

// Conformity says which stored documents satisfy a schema.
type Conformity struct {
	Checked    int       `json:"checked" doc:"How many documents were checked; a large data set is checked in several requests"`
	Failing    int       `json:"failing" doc:"How many of these do not satisfy the schema"`
	Failures   []Failure `json:"failures" nullable:"false" doc:"The first 20 of these"`
	NextCursor string    `json:"next_cursor,omitempty" doc:"Send it as cursor to check the following documents; absent after the last one"`
}

// Failure is a document that does not satisfy a schema.
type Failure struct {
	ID     string        `json:"id"`
	Errors []fault.Field `json:"errors" nullable:"false"`
}

const maxFailures = 20

// Conform checks the stored documents of a data set against a schema, newest first.
func (s *Store) Conform(ctx context.Context, dataset uuid.UUID, text, cursor string) (Conformity, error) {
	found := Conformity{Failures: []Failure{}}
	schema, err := compile(text)
	if err != nil {
		return found, err
	}
	after, err := parseCursor(cursor, "query.cursor", 0)
	if err != nil {
		return found, err
	}
	c, err := s.settings(ctx, s.DB, dataset)
	if database.IsNoRows(err) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	search := search{store: s, settings: c, dataset: dataset}
	before := uuid.Max
	if after != nil {
		before = after.Sequence
	}
	last, err := search.each(ctx, before, unsorted, func(m match) (bool, error) {
		found.Checked++
		err := schema.validate(m.document)
		refusal, ok := fault.As(err)
		if err != nil && !ok {
			return false, err
		}
		if err != nil {
			if found.Failing++; found.Failing <= maxFailures {
				found.Failures = append(found.Failures, Failure{ID: m.ID, Errors: refusal.Fields})
			}
		}
		return true, nil
	})
	if err == nil && last != uuid.Nil {
		found.NextCursor, err = position{Sequence: last}.encode()
	}
	return found, err
}
