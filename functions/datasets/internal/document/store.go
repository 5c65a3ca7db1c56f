package document

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

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

func (r row) shown(content []byte) Document {
	return Document{ID: r.ID, ETag: r.etag(), CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt, Document: Content{content}}
}

const selectRow = `SELECT ` + rowColumns + ` FROM dataset_documents WHERE dataset_id = $1 AND id = $2`

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
			return r.shown(content), nil
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
