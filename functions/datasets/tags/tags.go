// Package tags manages the names of a data set's versions: everything under
// /v1/datasets/{id}/tags. A tagged version is kept by every lifecycle policy.
package tags

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
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

const (
	path    = "/v1/datasets/{id}/tags"
	tagPath = path + "/{name}"
)

// Service declares the function.
var Service = function.Service("datasets-tags", New,
	function.On(function.Get("datasets-list-tags", path, "List the tags of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).List),
	function.On(function.Put("datasets-tag", tagPath, "Tag a version", policy.DatasetsWrite).
		Fails(fault.Conflict).
		Describe("A tag never moves: to use its name for another version, delete it first. In SQL, `SELECT * FROM sales@name` reads the version that is tagged `name`."), (*Function).Put),
	function.On(function.Delete("datasets-delete-tag", tagPath, "Delete a tag", policy.DatasetsWrite).
		Fails(fault.Conflict), (*Function).Delete),
).Uses(function.Owns(database.Datasets))

// Tag is a name of a version.
type Tag struct {
	Name      string    `json:"name"`
	Version   int       `json:"version"`
	CreatedBy uuid.UUID `json:"created_by" format:"uuid"`
	CreatedAt time.Time `json:"created_at"`
}

// ListRequest identifies the data set.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is all tags.
type ListResponse struct {
	Body struct {
		Items []Tag `json:"items" nullable:"false" doc:"Ordered by name"`
	}
}

// Request identifies a tag.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" pattern:"^[a-z][a-z0-9._-]{0,62}$" patternDescription:"lower-case letters, digits, dots, dashes and underscores, beginning with a letter" example:"audited-2026"`
}

// PutRequest is the version to tag.
type PutRequest struct {
	Request
	Body struct {
		Version int `json:"version" minimum:"1" maximum:"2147483647" doc:"A ready version"`
	}
}

// Response is the tag.
type Response struct{ Body Tag }

// Function manages tags.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	columns    = `name, version, created_by, created_at`
	selectTags = `SELECT ` + columns + ` FROM dataset_refs WHERE dataset_id = $1 AND kind = 'tag' ORDER BY name`
	insertTag  = `
INSERT INTO dataset_refs (dataset_id, name, kind, version, created_by)
SELECT v.dataset_id, $2, 'tag', v.version, $4 FROM dataset_versions v WHERE v.dataset_id = $1 AND v.version = $3 AND v.status = 'ready'
ON CONFLICT (dataset_id, name) DO UPDATE SET name = excluded.name WHERE dataset_refs.kind = 'tag' AND dataset_refs.version = excluded.version
RETURNING ` + columns
	selectTaken = `SELECT EXISTS (SELECT FROM dataset_refs WHERE dataset_id = $1 AND name = $2)`
	deleteTag   = `DELETE FROM dataset_refs WHERE dataset_id = $1 AND name = $2 AND kind = 'tag' RETURNING version`
)

// List lists the tags.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	out := &ListResponse{}
	rows, _ := f.db.Query(ctx, selectTags, in.ID)
	if out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Tag]); err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return out, nil
}

// Put tags a version. Repeating it changes nothing.
func (f *Function) Put(ctx context.Context, in *PutRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:tag", ResourceID: in.ID.String(), Detail: map[string]any{"tag": in.Name, "version": in.Body.Version}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if in.Name == "main" {
			return fault.At("path.name", "main is the branch that every data set has")
		}
		out.Body, err = database.One[Tag](ctx, tx, pgx.ErrNoRows, insertTag, in.ID, in.Name, in.Body.Version, caller.UserID)
		if !database.IsNoRows(err) {
			return err
		}
		taken, err := database.One[struct{ Exists bool }](ctx, tx, pgx.ErrNoRows, selectTaken, in.ID, in.Name)
		switch {
		case err != nil:
			return fmt.Errorf("look up name: %w", err)
		case taken.Exists:
			return fault.New(fault.Conflict, "This data set already has a tag or branch %q: delete it first, or choose another name", in.Name)
		}
		return fault.At("body.version", "this data set has no ready version with this number")
	})
	return out, err
}

// Delete deletes a tag. The version stays.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:delete_tag", ResourceID: in.ID.String(), Detail: map[string]any{"tag": in.Name}}
	return nil, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockToRemove(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		_, err := database.One[struct{ Version int }](ctx, tx, fault.New(fault.NotFound, "This data set has no tag with this name"), deleteTag, in.ID, in.Name)
		return err
	})
}
