package dataset

import (
	"context"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
)

// The kinds of data sets.
const (
	Table     = "table"
	Documents = "documents"
	Objects   = "objects"
)

// holds says what a data set of each kind holds, and where.
var holds = map[string]string{
	Table:     "This data set is a table: upload files to it (POST /v1/datasets/{id}/upload), or create a data set of the kind that you need",
	Documents: "This data set holds documents and is not a table with versions: use /v1/datasets/{id}/documents, or create a data set of the kind that you need",
	Objects:   "This data set holds objects and is not a table with versions: use /v1/datasets/{id}/objects, or create a data set of the kind that you need",
}

// CheckKind refuses an operation that is for data sets of another kind.
func CheckKind(kind, want string) error {
	if kind == want {
		return nil
	}
	return fault.New(fault.Conflict, "%s", holds[kind])
}

// Place is what an operation on the content of a data set needs to know about it.
type Place struct{ Kind, StorageType string }

const selectPlace = `SELECT kind, storage_type FROM datasets WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL`

// Of looks up a data set of a kind. It returns ErrNotFound unless the organization has the data set.
func Of(ctx context.Context, db database.Querier, kind string, id, organization uuid.UUID) (Place, error) {
	place, err := database.One[Place](ctx, db, ErrNotFound, selectPlace, id, organization)
	if err == nil {
		err = CheckKind(place.Kind, kind)
	}
	return place, err
}

// Share is [Of] for a transaction that changes the content of a data set without a history. The data
// set cannot be deleted before the transaction ends.
func Share(ctx context.Context, db database.Querier, kind string, id, organization uuid.UUID) (Place, error) {
	place, err := database.One[Place](ctx, db, ErrNotFound, selectPlace+` FOR SHARE`, id, organization)
	if err == nil {
		err = CheckKind(place.Kind, kind)
	}
	return place, err
}
