package dataset

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
)

// The kinds of data sets.
const (
	Table     = "table"
	Documents = "documents"
	Objects   = "objects"
)

// otherKinds say how a data set of each kind is used.
var otherKinds = map[string]string{
	Table:     "This data set is a table: upload files to it (POST /v1/datasets/{id}/upload), or create a data set of the kind documents or objects",
	Documents: "This data set holds documents: use /v1/datasets/{id}/documents, or create a data set of the kind table or objects",
	Objects:   "This data set holds objects: use /v1/datasets/{id}/objects, or create a data set of the kind table or documents",
}

// CheckKind refuses an operation that is for data sets of another kind.
func CheckKind(kind, want string) error {
	if kind == want {
		return nil
	}
	return fault.New(fault.Conflict, "%s", otherKinds[kind])
}

const (
	selectReadable   = `SELECT kind FROM datasets d WHERE id = $1 AND may_read(d, $2) AND deleted_at IS NULL`
	selectChangeable = `SELECT kind FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL`
)

// Readable returns ErrNotFound unless the reader may read the data set, and a conflict if it is not of
// this kind.
func Readable(ctx context.Context, db database.Querier, kind string, id uuid.UUID, r access.Reader) error {
	return check(ctx, db, kind, selectReadable, id, r)
}

// ReadableOfAnyKind is [Readable] for a data set of any kind.
func ReadableOfAnyKind(ctx context.Context, db database.Querier, id uuid.UUID, r access.Reader) error {
	_, err := database.One[struct{ Kind string }](ctx, db, ErrNotFound, selectReadable, id, r)
	return err
}

// Changeable is [Readable] for what only the data set's own organization may see or do.
func Changeable(ctx context.Context, db database.Querier, kind string, id uuid.UUID, r access.Reader) error {
	return check(ctx, db, kind, selectChangeable, id, r)
}

// ChangeableOfAnyKind is [Changeable] for a data set of any kind.
func ChangeableOfAnyKind(ctx context.Context, db database.Querier, id uuid.UUID, r access.Reader) error {
	_, err := database.One[struct{ Kind string }](ctx, db, ErrNotFound, selectChangeable, id, r)
	return err
}

func check(ctx context.Context, db database.Querier, kind, query string, id uuid.UUID, r access.Reader) error {
	d, err := database.One[struct{ Kind string }](ctx, db, ErrNotFound, query, id, r)
	if err != nil {
		return err
	}
	return CheckKind(d.Kind, kind)
}

const shareDataset = `
SELECT kind, held_at IS NOT NULL AS held FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL FOR SHARE`

// Share is [Changeable] for a transaction that changes documents or objects of a data set. Until it ends, the
// data set can be neither deleted nor placed under legal hold. If it is under hold, onRemoval is the
// conflict with which to refuse the removal of stored content.
func Share(ctx context.Context, tx pgx.Tx, kind string, id uuid.UUID, r access.Reader) (onRemoval, err error) {
	d, err := database.One[locked](ctx, tx, ErrNotFound, shareDataset, id, r)
	if err == nil {
		err = CheckKind(d.Kind, kind)
	}
	if d.Held {
		onRemoval = errHeld
	}
	return onRemoval, err
}

// LockDocuments is [Changeable] for a transaction that changes what all documents of a data set share. It
// waits for changes of documents that have begun, and others wait until it ends.
func LockDocuments(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) error {
	d, err := lock(ctx, tx, id, r)
	if err != nil {
		return err
	}
	return CheckKind(d.Kind, Documents)
}
