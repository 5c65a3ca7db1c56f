// Package lifecycle manages the policies that remove old versions of data sets: everything under
// /v1/datasets/{id}/lifecycle. It applies them every night.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/expiry"
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
		Describe("Each night, the rows and files of versions beyond the limits are removed; the versions stay in the history. If both limits are set, a version must be beyond both. "+
			"Always kept: tagged versions, the newest ready version of each branch, and what merging a branch needs."), (*Function).Set),
	function.On(function.Delete("datasets-delete-lifecycle", path, "Delete the lifecycle policy of a data set", policy.DatasetsWrite).Fails(fault.Conflict), (*Function).Delete),
	function.On(function.Get("datasets-preview-lifecycle", path+"/preview", "List the versions that a policy would remove now", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Without limits, the preview is of the policy in force."), (*Function).Preview),
	function.OnSchedule(function.Schedule{Cron: "41 2 * * *"}, (*Function).Apply),
).Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// SetRequest is the policy to set.
type SetRequest struct {
	Request
	Body expiry.Policy
}

// PreviewRequest is the policy to try.
type PreviewRequest struct {
	Request
	KeepVersions int `query:"keep_versions" minimum:"1" maximum:"1000000" doc:"As in the policy"`
	KeepDays     int `query:"keep_days" minimum:"1" maximum:"36500" doc:"As in the policy"`
}

// Response is a policy.
type Response struct{ Body expiry.Policy }

// PreviewResponse is what a policy would remove.
type PreviewResponse struct {
	Body struct {
		Versions []expiry.ExpiredVersion `json:"versions" nullable:"false" doc:"Oldest first"`
	}
}

// Function manages and applies policies.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

var errNoPolicy = fault.New(fault.NotFound, "This data set has no lifecycle policy: all versions are kept")

const (
	selectPolicy = `SELECT keep_versions, keep_days FROM dataset_lifecycles WHERE dataset_id = $1`
	upsertPolicy = `
INSERT INTO dataset_lifecycles (dataset_id, keep_versions, keep_days, changed_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (dataset_id) DO UPDATE SET keep_versions = $2, keep_days = $3, changed_by = $4, changed_at = now()
RETURNING keep_versions, keep_days`
	deletePolicy = `DELETE FROM dataset_lifecycles WHERE dataset_id = $1 RETURNING keep_versions, keep_days`
	selectAll    = `SELECT dataset_id FROM dataset_lifecycles JOIN datasets ON id = dataset_id WHERE deleted_at IS NULL AND dataset_id > $1 ORDER BY dataset_id LIMIT 1000`
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
	if in.Body.KeepVersions == nil && in.Body.KeepDays == nil {
		return nil, fault.At("body", "set keep_versions, keep_days or both")
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:set_lifecycle", ResourceID: in.ID.String(), Detail: map[string]any{"policy": in.Body}}
	return out, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, caller auth.Caller) (err error) {
		out.Body, err = database.One[expiry.Policy](ctx, tx, pgx.ErrNoRows, upsertPolicy, in.ID, in.Body.KeepVersions, in.Body.KeepDays, caller.UserID)
		return err
	})
}

// Delete deletes the policy.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "datasets:delete_lifecycle", ResourceID: in.ID.String()}
	return nil, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, _ auth.Caller) error {
		_, err := database.One[expiry.Policy](ctx, tx, errNoPolicy, deletePolicy, in.ID)
		return err
	})
}

func (f *Function) change(ctx context.Context, id uuid.UUID, entry audit.Entry, work func(*outbox.Tx, auth.Caller) error) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, id, caller.OrganizationID); err != nil {
			return err
		}
		return work(tx, caller)
	})
}

// Preview lists what a policy would remove.
func (f *Function) Preview(ctx context.Context, in *PreviewRequest) (*PreviewResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	var p expiry.Policy
	if in.KeepVersions > 0 {
		p.KeepVersions = &in.KeepVersions
	}
	if in.KeepDays > 0 {
		p.KeepDays = &in.KeepDays
	}
	if p == (expiry.Policy{}) {
		var err error
		if p, err = database.One[expiry.Policy](ctx, f.db, errNoPolicy, selectPolicy, in.ID); err != nil {
			return nil, err
		}
	}
	out := &PreviewResponse{}
	var err error
	out.Body.Versions, err = expiry.Expired(ctx, f.db, in.ID, p)
	return out, err
}

func (f *Function) own(ctx context.Context, id uuid.UUID) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return dataset.Exists(ctx, f.db, dataset.Table, id, caller.OrganizationID)
}

// Apply applies all policies. A data set that fails does not keep the others from being served.
func (f *Function) Apply(ctx context.Context) error {
	var failed error
	for last, more := uuid.Nil, true; more; {
		rows, _ := f.db.Query(ctx, selectAll, last)
		some, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("list lifecycle policies: %w", err)
		}
		for _, id := range some {
			err := f.db.Transact(ctx, func(tx *outbox.Tx) error {
				_, err := expiry.Apply(ctx, tx, id)
				return err
			})
			if err != nil && !errors.Is(err, dataset.ErrNotFound) {
				slog.ErrorContext(ctx, "lifecycle policy not applied", "dataset", id, "error", err)
				failed = errors.Join(failed, err)
			}
			last = id
		}
		more = len(some) > 0
	}
	return failed
}
