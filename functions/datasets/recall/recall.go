// Package recall brings archived versions back: POST /v1/datasets/{id}/versions/{version}/recall. A
// job copies what the version needs to the primary store; afterwards it can be read again.
package recall

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
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

// Service declares the function.
var Service = function.Service(archival.RecallKind, New,
	function.On(function.Post("datasets-recall", "/v1/datasets/{id}/versions/{version}/recall", "Bring an archived version back", policy.DatasetsWrite).
		Status(http.StatusAccepted).Fails(fault.Conflict).
		Describe("A job copies the version from the archive, with those whose rows or file it has; `GET /v1/datasets/{id}/jobs/watch` shows when it is done. "+
			"The version is archived again when the policy's number of days have passed since then. Repeating the request while the job is unfinished changes nothing."), (*Function).Recall),
	function.OnEvent((*Function).Handle),
	function.OnEvent((*Function).Failed)).
	Uses(function.Owns(database.Datasets), function.Objects)

// Request identifies the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version int       `path:"version" minimum:"1" maximum:"2147483647"`
}

// Response says which version comes back.
type Response struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   int       `json:"version"`
	}
}

// Function recalls versions.
type Function struct {
	area   staging.Area
	worker *job.Worker
}

// maxConcurrent limits the jobs in one pod; each holds up to three parts of an object in memory.
const maxConcurrent = 4

// New connects the function to its database and the stores of each storage type.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	return &Function{area: area, worker: job.NewWorker(area.DB, maxConcurrent)}, err
}

const selectVersion = `
SELECT archived_at IS NOT NULL AND status <> 'expired' AS archived FROM dataset_versions WHERE dataset_id = $1 AND version = $2`

// Recall requests the job.
func (f *Function) Recall(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.DatasetID, out.Body.Version = in.ID, in.Version
	entry := audit.Entry{Action: "datasets:recall", ResourceID: in.ID.String(), Detail: map[string]any{"version": in.Version}}
	return out, act.Do(ctx, f.area.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		missing := fault.New(fault.NotFound, "This data set has no version %d", in.Version)
		v, err := database.One[struct{ Archived bool }](ctx, tx, missing, selectVersion, in.ID, in.Version)
		if err != nil {
			return err
		}
		if !v.Archived {
			return fault.New(fault.Conflict, "Version %d is not archived, so there is nothing to recall", in.Version)
		}
		return archival.RequestRecall(ctx, tx, caller.OrganizationID, in.ID, in.Version)
	})
}
