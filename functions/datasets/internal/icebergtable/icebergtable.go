// Package icebergtable presents data sets as tables of Apache Iceberg (format version 2): their metadata, and the
// objects of the bucket s3://iceberg to which it refers.
//
// All of it is computed on request. A version is a snapshot whose identifier is the number of the version. The data
// files are the Parquet tables of the versions, with another footer: it gives each column its field identifier. A
// field keeps its identifier as long as its name and the family of its type stay, through all versions, so that a
// reader never takes one column for another. A column that was INTEGER in one version and BIGINT in another is a long
// in all of them.
//
// What Iceberg has no type for, or what its readers would misread, is refused and never approximated.
package icebergtable

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/fault"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/secret"
)

// Bucket is the bucket that holds the objects of all tables.
const Bucket = "iceberg"

// maxFiles is how many data files are known at a time.
const maxFiles = 1000

// Tables presents data sets as Iceberg tables. It is safe for concurrent use.
type Tables struct {
	db      *outbox.DB
	keys    *secret.Keeper
	objects func(ctx context.Context, storageType string) (*objects.Bucket, error)
	files   *lru.Cache[string, *dataFile] // by name of the object, which never changes
}

// New returns the tables in a database.
func New(db *outbox.DB, keys *secret.Keeper, bucket func(ctx context.Context, storageType string) (*objects.Bucket, error)) (*Tables, error) {
	files, err := lru.New[string, *dataFile](maxFiles)
	return &Tables{db: db, keys: keys, objects: bucket, files: files}, err
}

// Check refuses a data set that the reader may not read, or not as a whole.
func (t *Tables) Check(ctx context.Context, r access.Reader, id uuid.UUID) error {
	if err := dataset.Readable(ctx, t.db, dataset.Table, id, r); err != nil {
		return err
	}
	view, err := access.Load(ctx, t.db, id, r, nil)
	if err == nil && !view.Whole() {
		err = fault.New(fault.Forbidden, "A policy of this data set limits what you may read of it, which Iceberg cannot express: use POST /v1/queries, or download it with format=parquet (GET /v1/datasets/{id}/download)")
	}
	return err
}

// location returns the URL of an object of a table.
func location(id uuid.UUID, elements ...string) string {
	return "s3://" + Bucket + "/" + id.String() + "/" + strings.Join(elements, "/")
}

// part is a table of a version, which holds some or all of the rows of that and of later versions.
type part struct {
	Part        int
	StorageType string
	TableName   string
	WrappedKey  []byte
}

const (
	selectParts = `SELECT part, storage_type, table_name, wrapped_key FROM published.version_tables WHERE dataset_id = $1 AND version = $2 ORDER BY place`
	selectPart  = `SELECT part, storage_type, table_name, wrapped_key FROM published.version_tables WHERE dataset_id = $1 AND part = $2 LIMIT 1`
)

// parts lists the tables of a ready version.
func (t *Tables) parts(ctx context.Context, id uuid.UUID, version int) ([]part, error) {
	rows, _ := t.db.Query(ctx, selectParts, id, version)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[part])
	if err != nil {
		return nil, fmt.Errorf("list tables of version %d: %w", version, err)
	}
	return parts, nil
}

// open opens the stored table of a part.
func (t *Tables) open(ctx context.Context, p part) (*objects.Object, error) {
	key, err := t.keys.Unwrap(ctx, p.WrappedKey)
	if err != nil {
		return nil, err
	}
	bucket, err := t.objects(ctx, p.StorageType)
	if err != nil {
		return nil, err
	}
	return bucket.Open(ctx, p.TableName, key)
}
