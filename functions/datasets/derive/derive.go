// Package derive makes data sets whose versions are the results of a query: POST, GET and DELETE
// /v1/datasets/{id}/derive. It adds a version whenever a version of an input becomes ready; datasets-profile runs the query.
package derive

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/derivation"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

const path = "/v1/datasets/{id}/derive"

// Service declares the function.
var Service = function.Service("datasets-derive", New,
	function.On(function.Post("datasets-derive", path, "Derive a data set by a query", policy.DatasetsWrite).
		Status(http.StatusAccepted).Fails(fault.Conflict).
		Describe("From now on, the versions of main are the results of a SELECT, in DuckDB's SQL, over tables that every member of the organization may read, with what their policies leave of them; `sales@3` names a version as in queries. "+
			"A version is added now, and whenever a version of a table that the query reads becomes ready: once for each set of versions. "+
			"Uploads to the data set are refused. A query that cannot be run makes a failed version, with the reason."), (*Function).Set),
	function.On(function.Get("datasets-get-derivation", path, "Show the query of a derived data set", policy.DatasetsRead), (*Function).Get),
	function.On(function.Delete("datasets-end-derivation", path, "Stop deriving a data set", policy.DatasetsWrite).
		Status(http.StatusNoContent).Describe("The versions stay. The data set can be changed by uploads again."), (*Function).End),
	function.OnEvent((*Function).Ready),
).Uses(function.Owns(database.Datasets), function.Keys)

// SetRequest is the query.
type SetRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Query string `json:"query" minLength:"1" maxLength:"100000" pattern:"^[^\\x00]*$" example:"SELECT region, sum(amount) AS total FROM sales GROUP BY region"`
	}
}

// SetResponse is the new version.
type SetResponse struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   *int      `json:"version,omitempty" doc:"Absent if an input has no ready version yet, or if the newest version has this query and the current inputs"`
	}
}

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Derivation is the query of a derived data set.
type Derivation struct {
	Query     string      `json:"query"`
	Inputs    []uuid.UUID `json:"inputs" nullable:"false" doc:"The data sets that the query reads"`
	ChangedBy uuid.UUID   `json:"changed_by" format:"uuid"`
	ChangedAt time.Time   `json:"changed_at"`
}

// GetResponse is the query.
type GetResponse struct{ Body Derivation }

// Function derives data sets.
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

// Set makes the data set derived, and adds a version.
func (f *Function) Set(ctx context.Context, in *SetRequest) (*SetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	_, key, err := f.keys.NewKey(ctx)
	if err != nil {
		return nil, err
	}
	out := &SetResponse{}
	out.Body.DatasetID = in.ID
	deriving := audit.Entry{Action: "datasets:derive", ResourceID: in.ID.String()}
	var inputs []derivation.Input
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, act.Refused(ctx, f.db, deriving, err)
	}
	if inputs, err = derivation.Plan(ctx, f.db, caller.OrganizationID, in.Body.Query); err != nil {
		return nil, act.Refused(ctx, f.db, deriving, err)
	}
	err = act.Do(ctx, f.db, deriving, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if err := derivation.Set(ctx, tx, caller.OrganizationID, caller.UserID, in.ID, in.Body.Query, inputs); err != nil {
			return err
		}
		version, err := derivation.Run(ctx, tx, key, in.ID)
		if out.Body.Version = nil; version > 0 {
			out.Body.Version = &version
		}
		entry.Detail = map[string]any{"version": version}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("derive data set: %w", err)
	}
	return out, nil
}

const selectDerivation = `
SELECT v.query, v.changed_by, v.changed_at, ARRAY(SELECT DISTINCT input_dataset_id FROM derivation_inputs i WHERE i.dataset_id = d.id) AS inputs
FROM datasets d JOIN dataset_derivations v ON v.dataset_id = d.id WHERE d.id = $1 AND may_change(d, $2) AND d.deleted_at IS NULL`

var errNotDerived = fault.New(fault.NotFound, "There is no data set with this identifier, or it is not derived")

// Get shows the query.
func (f *Function) Get(ctx context.Context, in *Request) (*GetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	found, err := database.One[Derivation](ctx, f.db, errNotDerived, selectDerivation, in.ID, access.Of(caller))
	return &GetResponse{found}, err
}

// End stops the derivation.
func (f *Function) End(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:end_derivation", ResourceID: in.ID.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if ended, err := derivation.End(ctx, tx, in.ID); err != nil || ended {
			return err
		}
		return errNotDerived
	})
	return nil, err
}
