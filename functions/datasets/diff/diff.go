// Package diff compares two versions of a data set by key: GET /v1/datasets/{id}/diff.
package diff

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-diff", "/v1/datasets/{id}/diff", "Compare two versions", policy.DatasetsRead).
	Fails(fault.Conflict).
	Describe("Rows with the same key are the same row. The answer counts all rows and shows the first changed ones."), New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Request identifies the versions.
type Request struct {
	ID    uuid.UUID `path:"id" format:"uuid"`
	From  string    `query:"from" required:"true" maxLength:"63" doc:"The older version: a number, tag, branch or time" example:"3"`
	To    string    `query:"to" maxLength:"63" default:"main" doc:"The newer version"`
	Key   []string  `query:"key,explode" required:"true" minItems:"1" maxItems:"16" doc:"A column that identifies a row; repeat it for a key of several columns" example:"[\"id\"]"`
	Limit int       `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"Maximum number of changed rows to show"`
}

// Response is the difference.
type Response struct {
	Body struct {
		From int `json:"from" doc:"Number of the older version"`
		To   int `json:"to" doc:"Number of the newer version"`
		keyed.Difference
	}
}

// Function compares versions.
type Function struct {
	db      *outbox.DB
	reader  version.Reader
	scratch string
}

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, reader: version.Reader{DB: db, Keys: keys, Bucket: env.Objects}, scratch: env.Config.Scratch}, err
}

// Handle compares the versions.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Exists(ctx, f.db, in.ID, caller.OrganizationID); err != nil {
		return nil, err
	}
	out := &Response{}
	if out.Body.From, err = version.Resolve(ctx, f.db, in.ID, in.From, "query.from"); err != nil {
		return nil, err
	}
	if out.Body.To, err = version.Resolve(ctx, f.db, in.ID, in.To, "query.to"); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:diff", ResourceID: in.ID.String(), Detail: map[string]any{"from": out.Body.From, "to": out.Body.To}}
	if err := audit.Record(ctx, f.db, entry); err != nil {
		return nil, err
	}
	difference, err := f.compare(ctx, in, out.Body.From, out.Body.To)
	var refused *invalid.Error
	if errors.As(err, &refused) {
		return nil, fault.At("query.key", "%s", refused.Detail)
	}
	if err != nil {
		return nil, fmt.Errorf("compare versions: %w", err)
	}
	out.Body.Difference = *difference
	return out, nil
}

func (f *Function) compare(ctx context.Context, in *Request, from, to int) (*keyed.Difference, error) {
	dir, err := os.MkdirTemp(f.scratch, "diff-*")
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	older, err := f.reader.Fetch(ctx, in.ID, from, dir)
	if err != nil {
		return nil, err
	}
	newer, err := f.reader.Fetch(ctx, in.ID, to, dir)
	if err != nil {
		return nil, err
	}
	return keyed.Diff(ctx, older.Files, newer.Files, in.Key, in.Limit, keyed.Options{Scratch: dir})
}
