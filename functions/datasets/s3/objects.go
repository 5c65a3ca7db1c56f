package s3

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/stored"
)

const (
	objectsFolder = "objects/"
	batchSize     = 1000
	highest       = "\U0010FFFF"
)

const selectObjects = `
SELECT name, revision, object_name, wrapped_key, content_type, size_bytes, metadata, changed_at FROM dataset_objects
WHERE dataset_id = @dataset AND name > @after AND name >= @prefix AND name <= @prefix || repeat(chr(1114111), 128) AND starts_with(name, @prefix)
ORDER BY name LIMIT @limit`

type row struct {
	Name        string
	Revision    uuid.UUID
	ObjectName  string
	WrappedKey  []byte
	ContentType string
	SizeBytes   int64
	Metadata    map[string]string
	ChangedAt   time.Time
}

// listObjects lists a data set of objects. It skips what a common prefix stands for.
func (b *bucket) listObjects(ctx context.Context, q listing, l *listed) error {
	if _, grouped := q.group(objectsFolder); grouped {
		q.add(l, objectsFolder, nil)
		return nil
	}
	prefix, ok := strings.CutPrefix(q.prefix, objectsFolder)
	if !ok && !strings.HasPrefix(objectsFolder, q.prefix) {
		return nil
	}
	after := strings.TrimPrefix(q.after, objectsFolder)
	if !strings.HasPrefix(q.after, objectsFolder) {
		if after = ""; q.after > objectsFolder {
			return nil
		}
	}
	for {
		rows, _ := b.f.uploads.DB.Query(ctx, selectObjects, pgx.NamedArgs{"dataset": b.DatasetID, "prefix": prefix, "after": after, "limit": min(q.max+1, batchSize)})
		batch, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		for _, r := range batch {
			after = r.Name
			o := b.object(r)
			if !q.add(l, o.key, o) {
				return nil
			}
			if common, grouped := q.group(o.key); grouped {
				after = strings.TrimPrefix(common, objectsFolder) + highest
				break
			}
		}
		if len(batch) == 0 {
			return nil
		}
	}
}

func (b *bucket) object(r row) *object {
	o := &object{key: objectsFolder + r.Name, size: r.SizeBytes, etag: r.Revision.String(), modified: r.ChangedAt, contentType: r.ContentType, metadata: r.Metadata}
	o.open = b.read(func(context.Context) ([]stored.Part, error) {
		return []stored.Part{{ObjectName: r.ObjectName, SizeBytes: r.SizeBytes, WrappedKey: r.WrappedKey}}, nil
	})
	return o
}
