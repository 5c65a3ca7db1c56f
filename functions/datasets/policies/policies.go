// Package policies manages which rows and columns of a table its readers see: everything under
// /v1/datasets/{id}/policies.
package policies

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
	path       = "/v1/datasets/{id}/policies"
	policyPath = path + "/{name}"
)

// Service declares the function.
var Service = function.Service("datasets-policies", New,
	function.On(function.Get("datasets-list-policies", path, "List the policies of a data set", policy.DatasetsGovern).Fails(fault.Conflict), (*Function).List),
	function.On(function.Put("datasets-set-policy", policyPath, "Set which rows and columns readers see", policy.DatasetsGovern).
		Fails(fault.Conflict).
		Describe("A policy hides rows with a filter and values with masks. It applies to every version, and to everyone whom it does not exempt: in queries, downloads, comparisons, profiles and reports, "+
			"which all work as if the table were only what the reader may see. Where several policies apply, each hides its rows, and of several masks for a column the strongest applies (null, hash, generalize, partial). "+
			"Where a policy applies, the file as it was uploaded cannot be downloaded, and the figures of a version (row count, statistics) are left out. "+
			"What the next request reads is already limited; a query or download that has begun is completed."), (*Function).Put),
	function.On(function.Delete("datasets-delete-policy", policyPath, "Delete a policy of a data set", policy.DatasetsGovern).Fails(fault.Conflict), (*Function).Delete),
).Uses(function.Owns(database.Datasets))

// Stored is a policy of a data set.
type Stored struct {
	access.Policy
	ChangedBy uuid.UUID `json:"changed_by" format:"uuid"`
	ChangedAt time.Time `json:"changed_at"`
}

// ListRequest identifies the data set.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is all policies.
type ListResponse struct {
	Body struct {
		Items []Stored `json:"items" nullable:"false" doc:"Ordered by name"`
	}
}

// Request identifies a policy.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" pattern:"^[a-z][a-z0-9._-]{0,62}$" patternDescription:"lower-case letters, digits, dots, dashes and underscores, beginning with a letter" example:"eu-only"`
}

// PutRequest is the policy to set.
type PutRequest struct {
	Request
	Body struct {
		access.Rules
	}
}

// Response is the policy.
type Response struct{ Body Stored }

// Function manages policies.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	columns        = `name, policy, changed_by, changed_at`
	selectPolicies = `SELECT ` + columns + ` FROM dataset_policies WHERE dataset_id = $1 ORDER BY name`
	upsertPolicy   = `
INSERT INTO dataset_policies (dataset_id, name, policy, changed_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (dataset_id, name) DO UPDATE SET policy = excluded.policy, changed_by = excluded.changed_by, changed_at = now()
RETURNING ` + columns
	deletePolicy = `DELETE FROM dataset_policies WHERE dataset_id = $1 AND name = $2`
)

type row struct {
	Name      string
	Policy    access.Rules
	ChangedBy uuid.UUID
	ChangedAt time.Time
}

func (r row) stored() Stored {
	return Stored{Policy: access.Policy{Name: r.Name, Rules: r.Policy}, ChangedBy: r.ChangedBy, ChangedAt: r.ChangedAt}
}

// List lists the policies.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	out := &ListResponse{}
	out.Body.Items = []Stored{}
	rows, _ := f.db.Query(ctx, selectPolicies, in.ID)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	for _, r := range found {
		out.Body.Items = append(out.Body.Items, r.stored())
	}
	return out, nil
}

// Put sets a policy, after checking it against the columns of the current version.
func (f *Function) Put(ctx context.Context, in *PutRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:set_policy", ResourceID: in.ID.String(), Detail: map[string]any{"policy": in.Name, "filters": in.Body.Filter != "", "masks": len(in.Body.Masks)}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if err := check(ctx, tx, in.ID, in.Body.Rules); err != nil {
			return err
		}
		stored, err := database.One[row](ctx, tx, pgx.ErrNoRows, upsertPolicy, in.ID, in.Name, in.Body.Rules, caller.UserID)
		out.Body = stored.stored()
		return err
	})
	return out, err
}

// Delete deletes a policy.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:delete_policy", ResourceID: in.ID.String(), Detail: map[string]any{"policy": in.Name}}
	return nil, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		deleted, err := tx.Exec(ctx, deletePolicy, in.ID, in.Name)
		if err != nil {
			return fmt.Errorf("delete policy: %w", err)
		}
		if deleted.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "This data set has no policy with this name")
		}
		return nil
	})
}
