// Package documents stores opaque documents by collection and identifier: in MongoDB if one is
// configured, and in PostgreSQL otherwise. It is for data that no table has columns for.
//
// A document is immutable. A new version is a new document, and a row in the domain's own database
// points to the current one. The change takes effect when that row is committed, so the two
// databases cannot disagree, even after a crash. A crash can only leave behind an unreferenced
// document.
//
// A store sees only bytes. The domain seals personal data with the person's key first, so that
// destroying the key destroys every version in either database and in their backups (GDPR Article
// 17).
package documents

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// MaxSize is the maximum size of a document in bytes: 1 MiB and what sealing adds. MongoDB's own limit
// is 16 MiB.
const MaxSize = 1<<20 + 1<<10

// ErrNotFound is returned for a document that does not exist.
var ErrNotFound = errors.New("no such document")

// ErrExists is returned when the identifier is taken.
var ErrExists = errors.New("a document with this identifier already exists")

// ErrTooLarge is returned for a body larger than MaxSize.
var ErrTooLarge = errors.New("the document is too large")

// Store stores documents. If the server is unreachable, methods return fault.Unavailable or an
// error for which database.IsUnavailable is true.
type Store interface {
	// Put stores a new document. Of two concurrent calls with the same identifier, one succeeds.
	Put(ctx context.Context, collection string, id uuid.UUID, body []byte) error
	// Get returns a document whose Put has succeeded.
	Get(ctx context.Context, collection string, id uuid.UUID) ([]byte, error)
	// GetAll returns those of the documents that exist.
	GetAll(ctx context.Context, collection string, ids []uuid.UUID) (map[uuid.UUID][]byte, error)
	// Delete removes a document. A missing document is no error.
	Delete(ctx context.Context, collection string, id uuid.UUID) error
	// Drop removes a collection with all of its documents. A missing collection is no error.
	Drop(ctx context.Context, collection string) error
}
