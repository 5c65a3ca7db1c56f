// Package mergebranch applies the changes of a branch to another one, row by row: POST
// /v1/datasets/{id}/branches/{name}/merge. datasets-profile does the work.
package mergebranch

import (
	"context"
	"errors"
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
	"function/shared/ingest/invalid"
	"function/shared/keyed"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-merge-branch", "/v1/datasets/{id}/branches/{name}/merge", "Merge a branch", policy.DatasetsWrite).
	Status(http.StatusAccepted).Fails(fault.Conflict).
	Describe("A three-way merge: rows that only one branch changed since they parted get that branch's values. Rows that both changed to different values are conflicts: "+
		"the version fails with their number and some of their keys, unless `resolutions` or `prefer` decide them; resolutions go first. A resolution of a row without a conflict fails the version too."+
		" `datasets-preview-merge` shows the conflicts before. Both branches must have the same columns."), New).
	Uses(function.Owns(database.Datasets), function.Keys)

// Request identifies the branches.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" maxLength:"63" doc:"The branch to merge"`
	Body struct {
		Into        string             `json:"into,omitempty" default:"main" pattern:"^[a-z][a-z0-9._-]{0,62}$" doc:"The branch that gets the changes"`
		Key         []string           `json:"key" minItems:"1" maxItems:"16" nullable:"false" doc:"The columns that identify a row" example:"[\"id\"]"`
		Prefer      string             `json:"prefer,omitempty" enum:"ours,theirs" doc:"Who decides the other conflicts: ours, the branch that gets the changes; theirs, the branch that is merged"`
		Resolutions []keyed.Resolution `json:"resolutions,omitempty" maxItems:"1000" doc:"Decisions about single conflicts"`
		Message     string             `json:"message,omitempty" maxLength:"1000" pattern:"^[^\\x00]*$"`
	}
}

// Response is the new version.
type Response struct {
	Body struct {
		DatasetID     uuid.UUID `json:"dataset_id" format:"uuid"`
		Version       int       `json:"version"`
		SourceVersion int       `json:"source_version" doc:"The version that is merged"`
		Status        string    `json:"status" enum:"processing"`
	}
}

// Function merges branches.
type Function struct {
	db   *outbox.DB
	keys *secret.Keeper
}

// New connects the function to its database and key service.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, keys: keys}, err
}

// Handle adds the version.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if in.Name == in.Body.Into {
		return nil, fault.At("body.into", "a branch cannot be merged into itself")
	}
	var refused *invalid.Error
	if errors.As(keyed.CheckResolutions(in.Body.Resolutions, in.Body.Key), &refused) {
		return nil, fault.At("body.resolutions", "%s", refused.Detail)
	}
	key, err := version.NewKey(ctx, f.keys)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.DatasetID, out.Body.Status = in.ID, dataset.Processing
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:merge", ResourceID: in.ID.String()}, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		m := version.Merging{From: in.Name, Into: in.Body.Into, Key: in.Body.Key, Choices: keyed.Choices{Prefer: in.Body.Prefer, Resolutions: in.Body.Resolutions}, Message: in.Body.Message}
		out.Body.Version, out.Body.SourceVersion, err = version.AddMerge(ctx, tx, key, caller, in.ID, m)
		entry.Detail = map[string]any{"version": out.Body.Version, "source_version": out.Body.SourceVersion, "branch": in.Name, "into": in.Body.Into}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("merge branch: %w", err)
	}
	return out, nil
}
