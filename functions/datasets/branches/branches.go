// Package branches manages the branches of a data set: everything under
// /v1/datasets/{id}/branches. The branch main, which queries read, always exists.
package branches

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

const path = "/v1/datasets/{id}/branches"

// Service declares the function.
var Service = function.Service("datasets-branches", New,
	function.On(function.Get("datasets-list-branches", path, "List the branches of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).List),
	function.On(function.Post("datasets-create-branch", path, "Create a branch", policy.DatasetsWrite).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("A branch begins with the rows of one version and copies nothing. Uploads with `branch=name` change it alone; in SQL, `SELECT * FROM sales@name` reads its newest ready version."), (*Function).Create),
	function.On(function.Delete("datasets-delete-branch", path+"/{name}", "Delete a branch", policy.DatasetsWrite).
		Fails(fault.Conflict).
		Describe("Its versions stay in the history, and can be read by their numbers, until a lifecycle policy removes them."), (*Function).Delete),
).Uses(function.Owns(database.Datasets))

// Branch is a line of versions.
type Branch struct {
	Name      string     `json:"name"`
	Version   *int       `json:"version,omitempty" doc:"Its newest ready version; absent if main has none"`
	From      *int       `json:"from,omitempty" doc:"The version that it began with; absent for main"`
	CreatedBy *uuid.UUID `json:"created_by,omitempty" format:"uuid"`
	CreatedAt time.Time  `json:"created_at"`
}

// ListRequest identifies the data set.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is all branches.
type ListResponse struct {
	Body struct {
		Items []Branch `json:"items" nullable:"false" doc:"main first, then ordered by name"`
	}
}

// CreateRequest is the branch to create.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name string `json:"name" pattern:"^[a-z][a-z0-9._-]{0,62}$" patternDescription:"lower-case letters, digits, dots, dashes and underscores, beginning with a letter" example:"correction"`
		From string `json:"from,omitempty" maxLength:"63" default:"main" doc:"A version, tag, branch or time"`
	}
}

// CreateResponse is the new branch.
type CreateResponse struct{ Body Branch }

// Request identifies a branch.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" maxLength:"63"`
}

// Function manages branches.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

func init() {
	database.Constraint("dataset_refs_pkey", fault.Conflict, "This data set already has a tag or branch with this name: choose another one")
}

const (
	selectBranches = `
SELECT * FROM (SELECT 'main' AS name, ready_version AS version, NULL::int AS "from", NULL::uuid AS created_by, created_at FROM datasets WHERE id = $1
UNION ALL
SELECT name, head_of(dataset_id, name), version, created_by, created_at FROM dataset_refs WHERE dataset_id = $1 AND kind = 'branch'
) b ORDER BY name <> 'main', name`
	insertBranch = `
INSERT INTO dataset_refs (dataset_id, name, kind, version, created_by) VALUES ($1, $2, 'branch', $3, $4)
RETURNING name, version, version AS "from", created_by, created_at`
	deleteBranch  = `DELETE FROM dataset_refs WHERE dataset_id = $1 AND name = $2 AND kind = 'branch' RETURNING version`
	selectPending = `SELECT EXISTS (SELECT FROM dataset_versions WHERE dataset_id = $1 AND branch = $2 AND status = 'processing')`
)

// List lists the branches.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	out := &ListResponse{}
	rows, _ := f.db.Query(ctx, selectBranches, in.ID)
	out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Branch])
	if err != nil {
		return nil, fmt.Errorf("list branches: %w", err)
	}
	return out, nil
}

// Create creates a branch.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*CreateResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &CreateResponse{}
	entry := audit.Entry{Action: "datasets:create_branch", ResourceID: in.ID.String(), Detail: map[string]any{"branch": in.Body.Name}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if in.Body.Name == version.Main {
			return fault.New(fault.Conflict, "Every data set has the branch main: choose another name")
		}
		from, err := version.Resolve(ctx, tx, in.ID, in.Body.From, "body.from")
		if err != nil {
			return err
		}
		entry.Detail["from"] = from
		out.Body, err = database.One[Branch](ctx, tx, pgx.ErrNoRows, insertBranch, in.ID, in.Body.Name, from, caller.UserID)
		return err
	})
	return out, err
}

// Delete deletes a branch.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:delete_branch", ResourceID: in.ID.String(), Detail: map[string]any{"branch": in.Name}}
	return nil, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockToRemove(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if in.Name == version.Main {
			return fault.New(fault.Conflict, "The branch main cannot be deleted")
		}
		pending, err := database.One[struct{ Exists bool }](ctx, tx, pgx.ErrNoRows, selectPending, in.ID, in.Name)
		if err != nil {
			return err
		}
		if pending.Exists {
			return fault.New(fault.Conflict, "A version of this branch is being processed: try again when it is ready or has failed")
		}
		_, err = database.One[struct{ Version int }](ctx, tx, fault.New(fault.NotFound, "This data set has no branch with this name"), deleteBranch, in.ID, in.Name)
		return err
	})
}
