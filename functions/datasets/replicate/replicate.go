// Package replicate copies the objects of versions, as they are stored, to the backup of their
// storage type and verifies each copy. It runs when an object is stored, and once for each further
// attempt at that job. Every ten minutes it finds the copies that are missing and deletes those that
// are no longer wanted.
package replicate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/replica"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service(replica.Kind, New,
	function.OnEvent((*Function).Handle),
	function.OnEvent((*Function).Failed),
	function.OnSchedule(function.Schedule{Cron: "*/10 * * * *"}, (*Function).Find)).
	Uses(function.Owns(database.Datasets), function.Objects)

// Function copies objects.
type Function struct {
	db      *outbox.DB
	primary func(ctx context.Context, storageType string) (*objects.Bucket, error)
	archive func(ctx context.Context, storageType string) (*objects.Bucket, error)
	backups replica.Backups
	worker  *job.Worker

	archives map[string]string // the storage types that have an archive
}

// maxConcurrent limits the copies in one pod; each holds up to three parts in memory.
const maxConcurrent = 4

// New connects the function to its database and both stores of each storage type.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	backups := replica.Backups{Stores: env.Backups(), Open: env.Backup}
	return &Function{db: db, primary: env.Objects, archive: env.Archive, archives: env.Archives(), backups: backups, worker: job.NewWorker(db, maxConcurrent)}, err
}

// Handle runs the job that copies an object.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ReplicationRequested]) error {
	return job.Run(ctx, f.worker, job.Spec{Kind: replica.Kind, Key: e.Data.Object}, e, func(ctx context.Context, j *job.Job) error {
		return f.replicate(ctx, j, e.Data.Object)
	})
}

const (
	selectWanted = `
SELECT store, storage_type, sha256 FROM object_replicas
WHERE object_name = $1 AND verified_at IS NULL AND retired_at IS NULL AND unwanted_at IS NULL`
	// A copy that has become unwanted in the meantime is left to the sweep.
	markVerified = `
UPDATE object_replicas SET verified_at = now(), sha256 = $3 WHERE object_name = $1 AND store = $2 AND unwanted_at IS NULL`
)

// copyTimeout ends an attempt whose store hangs. It is the time limit of the function.
const copyTimeout = 10 * time.Minute

func (f *Function) replicate(ctx context.Context, j *job.Job, name string) error {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	rows, _ := f.db.Query(ctx, selectWanted, name)
	wanted, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Store, StorageType string
		SHA256             []byte `db:"sha256"`
	}])
	if err != nil {
		return fmt.Errorf("look up wanted copies: %w", err)
	}
	for _, w := range wanted {
		if f.backups.Stores[w.StorageType] != w.Store {
			return fault.New(fault.Unavailable, "The backup of %s storage has been replaced. The next search for missing copies corrects the records.", w.StorageType)
		}
		sum, err := f.copy(ctx, w.StorageType, name, w.SHA256)
		if err != nil {
			return err
		}
		if _, err := f.db.Exec(ctx, markVerified, name, w.Store, sum); err != nil {
			return fmt.Errorf("record copy: %w", err)
		}
	}
	return j.Complete(ctx, func(*outbox.Tx) error { return nil })
}

// copy copies an object from the primary store, or from the archive if it was moved there.
func (f *Function) copy(ctx context.Context, storageType, name string, sum []byte) ([]byte, error) {
	primary, err := f.primary(ctx, storageType)
	if err != nil {
		return nil, err
	}
	backup, err := f.backups.Open(ctx, storageType)
	if err != nil {
		return nil, err
	}
	copied, err := primary.Copy(ctx, name, backup, sum)
	if !errors.Is(err, objects.ErrNotFound) || f.archives[storageType] == "" {
		return copied, err
	}
	archive, failed := f.archive(ctx, storageType)
	if failed != nil {
		return nil, failed
	}
	return archive.Copy(ctx, name, backup, sum)
}

// Failed ends a job whose attempts have all failed. The copy stays wanted, so Find requests it
// again.
func (f *Function) Failed(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != replica.Kind {
		return nil
	}
	slog.ErrorContext(ctx, "object not copied to the backup", "object", e.Data.Key, "reason", e.Data.Reason)
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		_, err := job.Discard(ctx, tx, e.Data)
		return err
	})
}

// Find requests missing copies and deletes unwanted ones.
func (f *Function) Find(ctx context.Context) error {
	if err := f.backups.Find(ctx, f.db); err != nil {
		return err
	}
	return f.backups.Sweep(ctx, f.db)
}
