// Package jobs shows and cancels the jobs that prepare the versions of a data set: everything under
// /v1/datasets/{id}/jobs.
package jobs

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/jobs"

// Service declares the function.
var Service = function.Service("datasets-jobs", New,
	function.On(function.Get("datasets-list-jobs", path, "List the jobs of a data set", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Jobs prepare uploaded versions and merges, and move versions to the archive and back. Those of the last 90 days are shown, the newest first, at most 200."), (*Function).List),
	function.On(function.Get("datasets-watch-jobs", path+"/watch", "Watch the jobs of a data set", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Server-sent events. `jobs` has the unfinished jobs, each time that one of them changes; `end` is sent when none is left, and ends the response. An `EventSource` that is interrupted connects again.").
		Answers(map[string]*huma.Response{"200": {Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}), (*Function).Watch),
	function.On(function.Post("datasets-cancel-job", path+"/{version}/cancel", "Cancel a job of a version", policy.DatasetsWrite).
		Status(http.StatusOK).Fails(fault.Conflict).
		Describe("Work on it stops within seconds. A version whose preparation is cancelled fails, and can be retried. One that was to be archived or recalled stays where it is: "+
			"the lifecycle policy requests its archiving again the next night."), (*Function).Cancel),
).Uses(function.Owns(database.Datasets))

// Job is the work on one version.
type Job struct {
	Version    int        `json:"version"`
	Kind       string     `json:"kind" enum:"prepare,archive,recall" doc:"What the job does with the version"`
	State      string     `json:"state" enum:"available,running,retryable,completed,cancelled,discarded" doc:"available: waits to start; retryable: an attempt failed and another one follows; discarded: all attempts failed"`
	Stage      *string    `json:"stage,omitempty" doc:"Current stage of the work, while running" example:"write"`
	Done       *float64   `json:"done,omitempty" minimum:"0" maximum:"1" doc:"Completed share of the whole, while running"`
	Attempt    int        `json:"attempt" doc:"Attempts so far"`
	Attempts   int        `json:"attempts" doc:"Maximum number of attempts"`
	Failure    *string    `json:"failure,omitempty" doc:"Why the last attempt failed"`
	DueAt      *time.Time `json:"due_at,omitempty" doc:"When the next attempt is due, while retryable"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is the jobs.
type ListResponse struct {
	Body struct {
		Items []Job `json:"items" nullable:"false" doc:"Newest first"`
	}
}

// CancelRequest identifies the job of a version.
type CancelRequest struct {
	Request
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
	Kind    string `query:"kind" enum:"prepare,archive,recall" default:"prepare" doc:"What the job does with the version"`
}

// CancelResponse is the version's new state.
type CancelResponse struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   int       `json:"version"`
		Status    string    `json:"status" enum:"failed,ready" doc:"Of the version: ready if it was to be archived or recalled"`
	}
}

// Function shows and cancels jobs.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	selectJobs = `
SELECT v.version, CASE j.kind WHEN '` + archival.ArchiveKind + `' THEN 'archive' WHEN '` + archival.RecallKind + `' THEN 'recall' ELSE 'prepare' END AS kind, j.state, CASE j.state WHEN 'running' THEN nullif(j.progress, '') END AS stage,
       CASE WHEN j.state = 'running' AND j.total > 0 THEN j.done::float8 / j.total END AS done,
       j.attempt, j.max_attempts AS attempts, j.failure, CASE j.state WHEN 'retryable' THEN j.due_at END AS due_at, j.created_at, j.finished_at
FROM dataset_versions v JOIN jobs j ON j.kind IN ('` + profiling.Kind + `', '` + archival.ArchiveKind + `', '` + archival.RecallKind + `') AND j.key = v.dataset_id || '/' || v.version
WHERE v.dataset_id = $1 AND (j.finished_at IS NULL OR NOT $2) ORDER BY j.id DESC LIMIT 200`
)

// List lists the jobs.
func (f *Function) List(ctx context.Context, in *Request) (*ListResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	out := &ListResponse{}
	var err error
	out.Body.Items, err = f.jobs(ctx, in.ID, false)
	return out, err
}

func (f *Function) own(ctx context.Context, id uuid.UUID) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return dataset.Changeable(ctx, f.db, dataset.Table, id, access.Of(caller))
}

func (f *Function) jobs(ctx context.Context, id uuid.UUID, unfinished bool) ([]Job, error) {
	rows, _ := f.db.Query(ctx, selectJobs, id, unfinished)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Job])
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return found, nil
}

const prepare = "prepare"

// kinds are the kinds of jobs by the names that users know.
var kinds = map[string]string{prepare: profiling.Kind, "archive": archival.ArchiveKind, "recall": archival.RecallKind}

// Cancel cancels a job of a version. If it prepares the version, the version fails.
func (f *Function) Cancel(ctx context.Context, in *CancelRequest) (*CancelResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &CancelResponse{}
	out.Body.DatasetID, out.Body.Version = in.ID, in.Version
	entry := audit.Entry{Action: "datasets:cancel_job", ResourceID: in.ID.String(), Detail: map[string]any{"version": in.Version, "kind": in.Kind}}
	return out, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		cancelled, err := job.Cancel(ctx, tx, kinds[in.Kind], profiling.Spec(in.ID, in.Version).Key)
		if err != nil {
			return err
		}
		if in.Kind != prepare {
			out.Body.Status = dataset.Ready
			if cancelled == 0 {
				return fault.New(fault.Conflict, "Version %d is not being moved by a job of this kind", in.Version)
			}
			return nil
		}
		out.Body.Status = dataset.Failed
		finished, err := version.Finish(ctx, tx, in.ID, in.Version, version.Outcome{Failure: "Its processing was cancelled. Retry the version, or upload the file again."})
		if err == nil && !finished {
			return fault.New(fault.Conflict, "Version %d is not being processed", in.Version)
		}
		return err
	})
}
