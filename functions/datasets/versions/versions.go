// Package versions shows the history of a data set: GET /v1/datasets/{id}/versions, and one of its
// versions: GET /v1/datasets/{id}/versions/{version}.
package versions

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/versions"

// Service declares the function.
var Service = function.Service("datasets-versions", New,
	function.On(function.Get("datasets-list-versions", path, "List the versions of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).List),
	function.On(function.Get("datasets-get-version", path+"/{version}", "Show a version with the profile of its columns", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("The version is a number, a tag, a branch (its newest ready version), or a date or time in ISO 8601 (the version of main that was current then; a date begins at midnight UTC)."), (*Function).Get),
).Uses(function.Owns(database.Datasets))

// ListRequest selects one page.
type ListRequest struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	Branch string    `query:"branch" maxLength:"63" doc:"Only versions of this branch"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items"`
	Cursor string    `query:"cursor" pattern:"^[0-9]{1,9}$" patternDescription:"next_cursor of the previous page" doc:"next_cursor of the previous page"`
}

// ListResponse is one page of versions.
type ListResponse struct{ Body page.Page[version.Version] }

// GetRequest identifies a version.
type GetRequest struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version string    `path:"version" maxLength:"63" example:"3"`
}

// Detail is a version with its columns.
type Detail struct {
	version.Version
	Columns *dataset.Profile `json:"columns,omitempty" doc:"Once the version is ready"`
}

// GetResponse is the version.
type GetResponse struct{ Body Detail }

// Function shows versions.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	selectVersions = `
SELECT ` + version.Columns + ` FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = @dataset AND (@branch = '' OR v.branch = @branch) AND v.version < @before ORDER BY v.version DESC LIMIT @limit`
	selectVersion = `
SELECT ` + version.Columns + `, CASE WHEN v.status NOT IN ('blocked', 'processing') THEN v.columns END AS columns FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL
  AND v.version = CASE WHEN $3 ~ '^[0-9]{1,9}$' THEN $3::int ELSE ` + version.SelectNamed + ` END`
)

// List reads a page of versions, newest first.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, reader); err != nil {
		return nil, err
	}
	before := 1 << 30
	if in.Cursor != "" {
		before, _ = strconv.Atoi(in.Cursor) // the schema admits digits only
	}
	rows, _ := f.db.Query(ctx, selectVersions, pgx.NamedArgs{"dataset": in.ID, "branch": in.Branch, "before": before, "limit": in.Limit + 1})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[version.Version])
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	view, err := access.Load(ctx, f.db, in.ID, reader, nil)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].Conceal(view)
	}
	out := &ListResponse{Body: page.Page[version.Version]{Items: found}}
	if len(found) > in.Limit {
		out.Body.Items = found[:in.Limit]
		out.Body.NextCursor = strconv.Itoa(found[in.Limit-1].Version)
	}
	return out, nil
}

// Get reads one version.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*GetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, reader); err != nil {
		return nil, err
	}
	found, err := database.One[Detail](ctx, f.db, version.ErrNotFound, selectVersion, in.ID, reader, in.Version)
	if err != nil {
		return nil, err
	}
	view, err := access.Load(ctx, f.db, in.ID, reader, nil)
	if err != nil {
		return nil, err
	}
	found.Conceal(view)
	return &GetResponse{Body: found}, found.Columns.Conceal(view)
}
