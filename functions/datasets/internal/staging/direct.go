package staging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// A client may begin to put an object for putExpiry, and its request may last putLasts.
const (
	putExpiry = time.Hour
	putLasts  = 24 * time.Hour
)

// Put is an object that a client may put into a bucket. It lies there in plain text until its upload ends.
type Put struct {
	objects.SignedPut
	Name string
}

// directFolder holds these objects, so that a rule of the bucket can delete old ones as well.
const directFolder = "direct/"

// SignPut signs a URL by which a client can put a file of an organization. Give it out after [Area.AllowPut].
func (a Area) SignPut(ctx context.Context, storageType string, organization uuid.UUID, size int64) (Put, error) {
	p := Put{Name: directFolder + organization.String() + "/" + uuid7.New().String()}
	bucket, err := a.Bucket(ctx, storageType)
	if err != nil {
		return p, err
	}
	p.SignedPut, err = bucket.SignPut(ctx, p.Name, size, putExpiry)
	return p, err
}

const (
	insertPut = `INSERT INTO direct_objects (name, storage_type, upload_id, put_until) VALUES ($1, $2, $3, $4)`
	selectPut = `SELECT name FROM direct_objects WHERE upload_id = $1`
)

// AllowPut records an object in the transaction that creates its upload, so that it is swept.
func (a Area) AllowPut(ctx context.Context, tx *outbox.Tx, storageType string, upload uuid.UUID, p Put) error {
	if _, err := tx.Exec(ctx, insertPut, p.Name, storageType, upload, p.Expires.Add(putLasts)); err != nil {
		return fmt.Errorf("insert direct object: %w", err)
	}
	return nil
}

// FindPut returns the bucket and the name of an upload's object. If the client can no longer put it, the
// error is [objects.ErrNotFound].
func (a Area) FindPut(ctx context.Context, storageType string, upload uuid.UUID) (*objects.Bucket, string, error) {
	var name string
	err := a.DB.QueryRow(ctx, selectPut, upload).Scan(&name)
	if database.IsNoRows(err) {
		err = objects.ErrNotFound
	}
	if err != nil {
		return nil, "", fmt.Errorf("look up direct object: %w", err)
	}
	bucket, err := a.Bucket(ctx, storageType)
	return bucket, name, err
}

// DiscardPut deletes the object of an upload that has ended. The sweep deletes what comes later.
func (a Area) DiscardPut(ctx context.Context, storageType string, upload uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	bucket, name, err := a.FindPut(ctx, storageType, upload)
	if err == nil {
		err = bucket.Delete(ctx, name)
	}
	if err != nil && !errors.Is(err, objects.ErrNotFound) {
		slog.WarnContext(ctx, "direct object left to the sweep", "upload", upload, "error", err)
	}
}

const (
	selectEndedPuts = `
SELECT name, storage_type, put_until < now() AS over FROM direct_objects o
WHERE name > $1 AND NOT EXISTS (
    SELECT FROM uploads u JOIN datasets d ON d.id = u.dataset_id AND d.deleted_at IS NULL
    WHERE u.id = o.upload_id AND u.version IS NULL AND u.failure IS NULL AND u.expires_at > now())
ORDER BY name LIMIT 500`
	deletePuts = `DELETE FROM direct_objects WHERE name = ANY ($1)`
)

type endedPut struct {
	Name, StorageType string
	Over              bool // the URL has expired, so nothing more can arrive
}

// SweepPuts deletes the objects of direct uploads that have ended, also those that arrived afterwards. A
// store that fails does not keep the others from being swept.
func (a Area) SweepPuts(ctx context.Context) error {
	failed := map[string]error{} // by storage type
	for after := ""; ; {
		rows, _ := a.DB.Query(ctx, selectEndedPuts, after)
		ended, err := pgx.CollectRows(rows, pgx.RowToStructByPos[endedPut])
		if err != nil {
			return fmt.Errorf("list ended direct uploads: %w", err)
		}
		if len(ended) == 0 {
			return errors.Join(slices.Collect(maps.Values(failed))...)
		}
		var over []string
		for _, o := range ended {
			after = o.Name
			if failed[o.StorageType] != nil {
				continue
			}
			if err := a.delete(ctx, o.Name, o.StorageType); err != nil {
				failed[o.StorageType] = fmt.Errorf("sweep direct uploads: %w", err)
			} else if o.Over {
				over = append(over, o.Name)
			}
		}
		if _, err := a.DB.Exec(ctx, deletePuts, over); err != nil {
			return fmt.Errorf("forget direct uploads: %w", err)
		}
	}
}
