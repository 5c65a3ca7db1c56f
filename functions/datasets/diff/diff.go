// Package diff compares two versions of a data set by key: GET /v1/datasets/{id}/diff, and
// /v1/datasets/{id}/diff/page for people. It also shows what a merge of branches would do: POST
// /v1/datasets/{id}/branches/{name}/merge/preview.
package diff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
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

const path = "/v1/datasets/{id}/diff"

// Service declares the function.
var Service = function.Service("datasets-diff", New,
	function.On(function.Get("datasets-diff", path, "Compare two versions", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Rows with the same key are the same row. The answer counts all rows and shows the first changed ones. `/diff/page` has the same as a page for people."), (*Function).Compare),
	function.On(function.Get("datasets-diff-page", path+"/page", "Compare two versions on a page", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("An HTML document that needs nothing else, to be opened in a browser, sent or archived. It has the first changed rows with the values before and after.").
		Answers(map[string]*huma.Response{"200": {Description: "The page", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}}}), (*Function).Page),
	function.On(function.Post("datasets-preview-merge", "/v1/datasets/{id}/branches/{name}/merge/preview", "Preview a merge", policy.DatasetsRead).
		Status(http.StatusOK).Fails(fault.Conflict).
		Describe("Counts the rows that each branch has changed since they parted, and shows the first conflicts: rows that both changed to different values. Nothing is changed. "+
			"Decide the conflicts with `resolutions` or `prefer` when you merge."), (*Function).PreviewMerge),
).Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Request identifies the versions.
type Request struct {
	ID    uuid.UUID `path:"id" format:"uuid"`
	From  string    `query:"from" required:"true" maxLength:"63" doc:"The older version: a number, tag, branch or time" example:"3"`
	To    string    `query:"to" maxLength:"63" default:"main" doc:"The newer version"`
	Key   []string  `query:"key,explode" required:"true" minItems:"1" maxItems:"16" doc:"A column that identifies a row; repeat it for a key of several columns" example:"[\"id\"]"`
	Limit int       `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"Maximum number of changed rows to show"`
}

// Response is the difference.
type Response struct{ Body Difference }

// Difference is what leads from one version to another.
type Difference struct {
	From int `json:"from" doc:"Number of the older version"`
	To   int `json:"to" doc:"Number of the newer version"`
	keyed.Difference
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

// Compare compares the versions.
func (f *Function) Compare(ctx context.Context, in *Request) (*Response, error) {
	_, difference, err := f.difference(ctx, in)
	if err != nil {
		return nil, err
	}
	return &Response{*difference}, nil
}

const selectName = `SELECT d.name, d.kind, ` + access.Columns + ` FROM datasets d WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL`

// difference returns the name of the data set and how its versions differ.
func (f *Function) difference(ctx context.Context, in *Request) (name string, d *Difference, err error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return "", nil, err
	}
	reader := access.Of(caller)
	found, err := database.One[struct {
		Name, Kind string
		access.Stored
	}](ctx, f.db, dataset.ErrNotFound, selectName, in.ID, reader)
	if err == nil {
		err = dataset.CheckKind(found.Kind, dataset.Table)
	}
	if err != nil {
		return "", nil, err
	}
	d = &Difference{}
	if d.From, err = version.Resolve(ctx, f.db, in.ID, in.From, "query.from"); err != nil {
		return "", nil, err
	}
	if d.To, err = version.Resolve(ctx, f.db, in.ID, in.To, "query.to"); err != nil {
		return "", nil, err
	}
	entry := audit.Entry{Action: "datasets:diff", ResourceID: in.ID.String(), Detail: map[string]any{"from": d.From, "to": d.To}}
	if err := audit.Record(ctx, f.db, entry); err != nil {
		return "", nil, err
	}
	view, err := found.View(reader, f.reader.Keys)
	if err != nil {
		return "", nil, err
	}
	rows, err := f.compare(ctx, in, d.From, d.To, view)
	var refused *invalid.Error
	if errors.As(err, &refused) {
		return "", nil, fault.At("query.key", "%s", refused.Detail)
	}
	if err != nil {
		return "", nil, fmt.Errorf("compare versions: %w", err)
	}
	d.Difference = *rows
	return found.Name, d, nil
}

func (f *Function) compare(ctx context.Context, in *Request, from, to int, view access.View) (*keyed.Difference, error) {
	dir, err := os.MkdirTemp(f.scratch, "diff-*")
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	older, err := f.reader.FetchView(ctx, in.ID, from, dir, view)
	if err != nil {
		return nil, err
	}
	newer, err := f.reader.FetchView(ctx, in.ID, to, dir, view)
	if err != nil {
		return nil, err
	}
	return keyed.Diff(ctx, older.Files, newer.Files, in.Key, in.Limit, keyed.Options{Scratch: dir})
}
