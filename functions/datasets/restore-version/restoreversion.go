// Package restoreversion makes the rows of an older version current again: POST
// /v1/datasets/{id}/versions/{version}/restore. Nothing is copied or lost: the history gets one more
// version, which has the older one's file and tables.
package restoreversion

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
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

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-restore-version", "/v1/datasets/{id}/versions/{version}/restore", "Restore an older version", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Conflict).
	Describe("Adds a version with the rows of an older one, ready at once. The versions in between stay in the history."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version string    `path:"version" maxLength:"63" doc:"A number, tag, branch or time" example:"3"`
	Body    struct {
		Branch  string `json:"branch,omitempty" default:"main" pattern:"^[a-z][a-z0-9._-]{0,62}$" doc:"The branch that gets the version"`
		Message string `json:"message,omitempty" maxLength:"1000" pattern:"^[^\\x00]*$"`
	}
}

// Response is the new version.
type Response struct {
	Body struct {
		DatasetID     uuid.UUID `json:"dataset_id" format:"uuid"`
		Version       int       `json:"version"`
		SourceVersion int       `json:"source_version" doc:"The version that was restored"`
		Status        string    `json:"status" enum:"ready"`
	}
}

// Function restores versions.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Handle adds the version.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.DatasetID, out.Body.Status = in.ID, dataset.Ready
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:restore_version", ResourceID: in.ID.String()}, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if out.Body.SourceVersion, err = version.Resolve(ctx, tx, in.ID, in.Version, "path.version"); err != nil {
			return err
		}
		change := version.Change{Branch: in.Body.Branch, Operation: version.Restore, Message: in.Body.Message}
		out.Body.Version, err = version.AddRestored(ctx, tx, caller, in.ID, change, out.Body.SourceVersion)
		entry.Detail = map[string]any{"version": out.Body.Version, "source_version": out.Body.SourceVersion, "branch": in.Body.Branch}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("restore version: %w", err)
	}
	return out, nil
}
