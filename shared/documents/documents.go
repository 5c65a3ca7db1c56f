// Package documents stores opaque documents by collection and identifier: in MongoDB
// where one is configured, and in PostgreSQL otherwise. Functions that keep what no
// table has columns for use it.
//
// A document never changes. A new version is a new document, and a row of the
// domain's own database points to the one that holds: the commit of that row is the
// change, so two databases never disagree, whenever a process dies. What a crash
// leaves behind is a document that nothing points to.
//
// A store sees bytes. What is personal the domain seals with the person's key before
// it comes here, so that destroying the key destroys every version, in either
// database and in their backups (GDPR Article 17).
package documents

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// MaxSize bounds a document, in bytes; MongoDB's own bound is 16 MiB.
const MaxSize = 1 << 20

// ErrNotFound reports a document that does not exist.
var ErrNotFound = errors.New("no such document")

// ErrExists reports an identifier that is taken.
var ErrExists = errors.New("a document with this identifier already exists")

// ErrTooLarge reports a body of more than MaxSize.
var ErrTooLarge = errors.New("the document is too large")

// Store keeps documents. A server that cannot be reached is a fault of kind
// Unavailable, or an error that database.IsUnavailable knows.
type Store interface {
	// Put stores a new document. Of two with one identifier at once one wins.
	Put(ctx context.Context, collection string, id uuid.UUID, body []byte) error
	// Get reads a document whose Put was acknowledged.
	Get(ctx context.Context, collection string, id uuid.UUID) ([]byte, error)
	// Delete removes a document; one that does not exist is no error.
	Delete(ctx context.Context, collection string, id uuid.UUID) error
}
