package s3

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
)

// bucket is a data set that the caller may read.
type bucket struct {
	access.Stored
	Kind        string
	Name        string
	StorageType string
	CreatedAt   time.Time

	f       *Function   `db:"-"`
	request *request    `db:"-"`
	view    access.View `db:"-"`
}

const (
	// readable are the data sets that a reader can name: those of the organization, and those shared by others.
	readable = `
d.deleted_at IS NULL AND d.kind <> 'documents' AND may_read(d, @reader) AND (@only::uuid IS NULL OR d.id = @only)
AND (d.organization_id = @organization OR d.id IN (SELECT dataset_id FROM dataset_shares WHERE grantee_id = ANY (@principals)))`
	// bucketName is the name of a bucket; only those that S3 allows can be asked for.
	bucketName   = `lower(replace(d.name, '_', '-'))`
	precedence   = `d.organization_id = @organization DESC, lower(d.name) = ` + bucketName + ` DESC, d.id`
	selectBucket = `
SELECT ` + access.Columns + `, d.kind, d.name, d.storage_type, d.created_at FROM datasets d
WHERE ` + readable + ` AND CASE WHEN @id::uuid IS NULL THEN ` + bucketName + ` = @name ELSE d.id = @id END
ORDER BY ` + precedence + ` LIMIT 1`
	selectBuckets = `
SELECT (CASE WHEN place = 1 AND bucket ~ '^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$' AND NOT bucket = ANY (@taken)
                 AND bucket !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN bucket ELSE id::text END) COLLATE "C" AS name, created_at
FROM (SELECT d.id, d.created_at, ` + bucketName + ` AS bucket, row_number() OVER (PARTITION BY ` + bucketName + ` ORDER BY ` + precedence + `) AS place
      FROM datasets d WHERE ` + readable + `) named
ORDER BY name`
)

func (r *request) arguments(more pgx.NamedArgs) pgx.NamedArgs {
	reader := r.reader()
	more["reader"], more["organization"], more["principals"], more["only"] = reader, reader.Organization, reader.Principals, r.holder.DatasetID
	return more
}

var errNoBucket = fault.New(fault.NotFound, "There is no data set with this name or identifier that you may read")

// bucket finds the data set of a bucket, by its identifier or its name.
func (f *Function) bucket(ctx context.Context, r *request, name string) (*bucket, error) {
	b := &bucket{f: f, request: r}
	var id *uuid.UUID
	if parsed, err := uuid.Parse(name); err == nil && parsed.String() == name {
		id = &parsed
	}
	var err error
	*b, err = database.One[bucket](ctx, f.uploads.DB, errNoBucket, selectBucket, r.arguments(pgx.NamedArgs{"id": id, "name": name}))
	if err != nil {
		return nil, err
	}
	b.f, b.request = f, r
	if b.Kind == dataset.Table {
		b.view, err = b.View(r.reader(), f.uploads.Keys)
	}
	return b, err
}

type named struct {
	Name      string
	CreatedAt time.Time
}

// buckets lists the data sets that the caller may read.
func (f *Function) buckets(ctx context.Context, r *request) ([]named, error) {
	taken := []string{}
	for name := range f.others {
		taken = append(taken, name)
	}
	rows, _ := f.uploads.DB.Query(ctx, selectBuckets, r.arguments(pgx.NamedArgs{"taken": taken}))
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[named])
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	return list, nil
}
