package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/documents"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
)

// Document is a document as its users see it.
type Document struct {
	ID        string    `json:"id"`
	ETag      string    `json:"etag" doc:"Send it as If-Match to change the document only if nobody else has"`
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`
	Document  Content   `json:"document"`
}

// Content is a JSON object. It is not decoded, because decoding would round its numbers.
type Content struct{ json.RawMessage }

// Schema implements huma.SchemaProvider.
func (Content) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// ErrNotFound is returned for a document that does not exist.
var ErrNotFound = fault.New(fault.NotFound, "This data set has no document with this identifier")

// Store stores the documents of data sets, sealed with the key of the data set: in MongoDB, or in the
// domain's own database if MongoDB is not configured. dataset_documents.body points to the current
// content, so a change takes effect when its transaction commits, in both stores.
type Store struct {
	DB     *outbox.DB
	Keys   *secret.Keeper
	server documents.Server // nil: the domain's own database
}

// Open opens the store.
func Open(ctx context.Context, env *function.Env) (*Store, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	if err != nil {
		return nil, err
	}
	server, err := env.Documents()
	return &Store{DB: db, Keys: keys, server: server}, err
}

// collection returns the name of the collection of a data set.
func collection(dataset uuid.UUID) string { return "dataset_" + dataset.String() }

// sealed is the encryption context of a document's content.
func sealed(body uuid.UUID) string { return "datasets.document/" + body.String() }

// row is a document without its content.
type row struct {
	Sequence  uuid.UUID
	ID        string
	Body      uuid.UUID
	SizeBytes int
	CreatedAt time.Time
	ChangedAt time.Time
}

const rowColumns = `sequence, id, body, size_bytes, created_at, changed_at`

func (r row) etag() string { return `"` + r.Body.String() + `"` }

func (r row) document(content []byte) Document {
	return Document{ID: r.ID, ETag: r.etag(), CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt, Document: Content{content}}
}

const (
	selectRow        = `SELECT ` + rowColumns + ` FROM dataset_documents WHERE dataset_id = $1 AND id = $2`
	selectCollection = `SELECT wrapped_key, schema FROM document_collections WHERE dataset_id = $1`
	insertCollection = `INSERT INTO document_collections (dataset_id, wrapped_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`
)

// settings are what all documents of a data set share.
type settings struct {
	Schema *string
	key    []byte
}

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

// Get returns a document.
func (s *Store) Get(ctx context.Context, dataset uuid.UUID, id string) (Document, error) {
	c, err := s.settings(ctx, s.DB, dataset)
	if database.IsNoRows(err) {
		return Document{}, ErrNotFound
	}
	if err != nil {
		return Document{}, err
	}
	return s.get(ctx, s.DB, c, dataset, id)
}

// reader is the database or a transaction.
type reader interface {
	database.Querier
	documents.Querier
}

// maxReads limits how often a document that changes during the read is read again.
const maxReads = 3

func (s *Store) get(ctx context.Context, db reader, c settings, dataset uuid.UUID, id string) (Document, error) {
	for attempt := 1; ; attempt++ {
		r, err := database.One[row](ctx, db, ErrNotFound, selectRow, dataset, id)
		if err != nil {
			return Document{}, err
		}
		contents, err := s.contents(ctx, db, c, dataset, []row{r})
		if err != nil {
			return Document{}, err
		}
		if content, ok := contents[r.Body]; ok {
			return r.document(content), nil
		}
		if attempt == maxReads {
			return Document{}, fmt.Errorf("read document %s of data set %s: %w", r.Body, dataset, documents.ErrNotFound)
		}
	}
}

// contents returns the contents of rows. Those that were replaced in the meantime are left out.
func (s *Store) contents(ctx context.Context, db documents.Querier, c settings, dataset uuid.UUID, rows []row) (map[uuid.UUID][]byte, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.Body
	}
	found, err := documents.PostgreSQL{DB: db}.GetAll(ctx, collection(dataset), ids)
	if err != nil {
		return nil, err
	}
	if s.server != nil && len(found) < len(ids) {
		ids = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return found[id] != nil })
		more, err := s.server.GetAll(ctx, collection(dataset), ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, more)
	}
	unseal, err := secret.Unsealer(c.key)
	if err != nil {
		return nil, err
	}
	for id, body := range found {
		plain, err := unseal(sealed(id), body)
		if err != nil {
			return nil, err
		}
		found[id] = []byte(plain)
	}
	return found, nil
}

const (
	insertStaged  = `INSERT INTO staged_documents (id, collection) VALUES ($1, $2)`
	deleteStaged  = `DELETE FROM staged_documents WHERE id = $1`
	selectAllOld  = `SELECT id, collection FROM staged_documents WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT 500 FOR UPDATE SKIP LOCKED`
	staleAfter    = time.Hour
	discardWithin = 10 * time.Second
)

// discard removes a content that no document has. It is safe to call when the outcome of the
// transaction that would have given it to a document is unknown.
func (s *Store) discard(ctx context.Context, dataset, body uuid.UUID) {
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardWithin)
	defer cancel()
	err := database.Transact(ctx, s.DB.Pool, func(tx *database.Tx) error {
		deleted, err := tx.Exec(ctx, deleteStaged, body)
		if err != nil || deleted.RowsAffected() == 0 {
			return err
		}
		return s.server.Delete(ctx, collection(dataset), body)
	})
	if err != nil {
		slog.WarnContext(ctx, "document left to the sweep", "dataset", dataset, "body", body, "error", err)
	}
}

// Area removes documents that no data set has.
type Area struct {
	DB     *outbox.DB
	Server documents.Server // nil: MongoDB is not configured
}

// Sweep removes what interrupted requests have left in MongoDB.
func (a Area) Sweep(ctx context.Context) error {
	if a.Server == nil {
		return nil
	}
	for more := true; more; {
		err := database.Transact(ctx, a.DB.Pool, func(tx *database.Tx) error {
			rows, _ := tx.Query(ctx, selectAllOld, staleAfter)
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

// Drop removes all documents of a data set that is being destroyed, wherever they are.
func (a Area) Drop(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID) error {
	if err := (documents.PostgreSQL{DB: tx}).Drop(ctx, collection(dataset)); err != nil {
		return err
	}
	if a.Server == nil {
		return nil
	}
	return a.Server.Drop(ctx, collection(dataset))
}
