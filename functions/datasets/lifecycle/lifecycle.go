// Package lifecycle manages the policies that remove old versions of data sets, or move them to the
// archive: everything under /v1/datasets/{id}/lifecycle. It applies them every night.
package lifecycle

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/expiry"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/lifecycle"

// Service declares the function.
var Service = function.Service("datasets-lifecycle", New,
	function.On(function.Get("datasets-get-lifecycle", path, "Show the lifecycle policy of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).Get),
	function.On(function.Put("datasets-set-lifecycle", path, "Set the lifecycle policy of a data set", policy.DatasetsWrite).Fails(fault.Conflict).
		Describe("Each night, the rows and files of versions beyond `keep_versions` and `keep_days` are removed; the versions stay in the history. If both are set, a version must be beyond both. "+
			"Versions beyond `archive_after_days` are moved to the archive, and are read again after a recall (`POST /v1/datasets/{id}/versions/{version}/recall`). "+
			"Always kept in place: tagged versions, the newest ready version of each branch, and what merging a branch needs. Versions whose rows or file another version has are not archived before that one."), (*Function).Set),
	function.On(function.Delete("datasets-delete-lifecycle", path, "Delete the lifecycle policy of a data set", policy.DatasetsWrite).Fails(fault.Conflict), (*Function).Delete),
	function.On(function.Get("datasets-preview-lifecycle", path+"/preview", "List the versions that a policy would remove or archive now", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Without limits, the preview is of the policy in force."), (*Function).Preview),
	function.OnSchedule(function.Schedule{Cron: "41 2 * * *"}, (*Function).Apply),
).Uses(function.Owns(database.Datasets), function.Objects)

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// SetRequest is the policy to set.
type SetRequest struct {
	Request
	Body expiry.Policy
}

// Response is a policy.
type Response struct{ Body expiry.Policy }

// Function manages and applies policies.
type Function struct {
	db       *outbox.DB
	archives map[string]string // the storage types that have an archive
}

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db, archives: env.Archives()}, err
}

var errNoPolicy = fault.New(fault.NotFound, "This data set has no lifecycle policy: all versions are kept")

const (
	selectPolicy = `
SELECT l.keep_versions, l.keep_days, a.after_days AS archive_after_days
FROM dataset_lifecycles l FULL JOIN dataset_archiving a USING (dataset_id) WHERE dataset_id = $1`
	upsertLimits = `
INSERT INTO dataset_lifecycles (dataset_id, keep_versions, keep_days, changed_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (dataset_id) DO UPDATE SET keep_versions = $2, keep_days = $3, changed_by = $4, changed_at = now()`
	upsertArchiving = `
INSERT INTO dataset_archiving (dataset_id, after_days, changed_by) VALUES ($1, $2, $3)
ON CONFLICT (dataset_id) DO UPDATE SET after_days = $2, changed_by = $3, changed_at = now()`
	deleteLimits    = `DELETE FROM dataset_lifecycles WHERE dataset_id = $1`
	deleteArchiving = `DELETE FROM dataset_archiving WHERE dataset_id = $1`
	selectStorage   = `SELECT storage_type FROM datasets WHERE id = $1`
)

// Get reads the policy.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	p, err := database.One[expiry.Policy](ctx, f.db, errNoPolicy, selectPolicy, in.ID)
	return &Response{Body: p}, err
}

// Set sets the policy.
func (f *Function) Set(ctx context.Context, in *SetRequest) (*Response, error) {
	if in.Body == (expiry.Policy{}) {
		return nil, fault.At("body", "set keep_versions, keep_days or archive_after_days")
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:set_lifecycle", ResourceID: in.ID.String(), Detail: map[string]any{"policy": in.Body}}
	return out, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, caller auth.Caller) (err error) {
		out.Body, err = f.set(ctx, tx, caller, in.ID, in.Body)
		return err
	})
}

func (f *Function) set(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, p expiry.Policy) (set expiry.Policy, err error) {
	d, err := database.One[struct{ StorageType string }](ctx, tx, dataset.ErrNotFound, selectStorage, id)
	if err != nil {
		return set, err
	}
	if p.ArchiveAfterDays != nil && f.archives[d.StorageType] == "" {
		return set, fault.At("body.archive_after_days", "there is no archive for %s storage: leave this limit out, or ask the operator to set %s",
			d.StorageType, function.ArchiveSetting(d.StorageType))
	}
	if p.KeepVersions == nil && p.KeepDays == nil {
		_, err = tx.Exec(ctx, deleteLimits, id)
	} else {
		_, err = tx.Exec(ctx, upsertLimits, id, p.KeepVersions, p.KeepDays, caller.UserID)
	}
	if err != nil {
		return set, fmt.Errorf("set limits of policy: %w", err)
	}
	if p.ArchiveAfterDays == nil {
		_, err = tx.Exec(ctx, deleteArchiving, id)
	} else {
		_, err = tx.Exec(ctx, upsertArchiving, id, p.ArchiveAfterDays, caller.UserID)
	}
	if err != nil {
		return set, fmt.Errorf("set archiving of policy: %w", err)
	}
	return database.One[expiry.Policy](ctx, tx, pgx.ErrNoRows, selectPolicy, id)
}

// Delete deletes the policy.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "datasets:delete_lifecycle", ResourceID: in.ID.String()}
	return nil, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, _ auth.Caller) error {
		if _, err := database.One[expiry.Policy](ctx, tx, errNoPolicy, selectPolicy, in.ID); err != nil {
			return err
		}
		for _, remove := range []string{deleteLimits, deleteArchiving} {
			if _, err := tx.Exec(ctx, remove, in.ID); err != nil {
				return fmt.Errorf("delete policy: %w", err)
			}
		}
		return nil
	})
}

func (f *Function) change(ctx context.Context, id uuid.UUID, entry audit.Entry, work func(*outbox.Tx, auth.Caller) error) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, id, access.Of(caller)); err != nil {
			return err
		}
		return work(tx, caller)
	})
}

func (f *Function) own(ctx context.Context, id uuid.UUID) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return dataset.Changeable(ctx, f.db, dataset.Table, id, access.Of(caller))
}
