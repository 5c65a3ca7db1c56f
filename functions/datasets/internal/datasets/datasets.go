// Package datasets holds the words and SQL that the functions of the datasets
// domain share: data sets, their versions and formats, and the objects that hold
// their bytes.
package datasets

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/secret"
)

// The states of a data set, which are those of its newest version.
const (
	Draft      = "draft"      // nothing uploaded yet
	Processing = "processing" // a version is being profiled
	Ready      = "ready"      // the newest version can be queried
	Failed     = "failed"     // the newest version's file could not be read
)

// Dataset is a data set and the newest version of its data. What only a version
// has is absent before the first upload.
type Dataset struct {
	ID           uuid.UUID  `json:"id" format:"uuid"`
	Name         string     `json:"name" doc:"The table's name in SQL"`
	Description  string     `json:"description"`
	Schema       *Schema    `json:"schema,omitempty" doc:"As declared; absent: the types are inferred"`
	StorageType  string     `json:"storage_type" enum:"local,s3,gcs,azure"`
	Status       string     `json:"status" enum:"draft,processing,ready,failed"`
	Version      int        `json:"version" doc:"Number of the newest version, 0 before the first upload"`
	ReadyVersion *int       `json:"ready_version,omitempty" doc:"The version that queries read"`
	Format       *string    `json:"format,omitempty" enum:"csv,json,parquet"`
	SizeBytes    *int64     `json:"size_bytes,omitempty" doc:"As uploaded"`
	SHA256       *string    `json:"sha256,omitempty" doc:"Of the bytes as uploaded, hexadecimal"`
	RowCount     *int64     `json:"row_count,omitempty" doc:"Once profiled"`
	Progress     *Progress  `json:"progress,omitempty" doc:"While processing"`
	Failure      *string    `json:"failure,omitempty" doc:"Why the newest version failed"`
	UploadedAt   *time.Time `json:"uploaded_at,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	ChangedAt    time.Time  `json:"changed_at"`
}

// ErrNotFound answers for a data set that does not exist, was deleted, or is
// somebody else's.
var ErrNotFound = fault.New(fault.NotFound, "There is no data set with this identifier")

// Store is what every function of this domain opens.
type Store struct {
	DB      *outbox.DB
	Keeper  *secret.Keeper
	Objects func(ctx context.Context, storageType string) (*objects.Bucket, error)
}

// Open opens the domain's database and the platform's key; buckets are opened
// when a data set needs them.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return Store{}, err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return Store{}, err
	}
	return Store{DB: db, Keeper: keeper, Objects: env.Objects}, nil
}
