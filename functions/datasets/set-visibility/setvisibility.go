// Package setvisibility sets which members of an organization see a data set: PUT
// /v1/datasets/{id}/visibility.
package setvisibility

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Put("datasets-set-visibility", "/v1/datasets/{id}/visibility", "Set who sees a data set", policy.DatasetsGovern).
	Describe("A restricted data set exists only for its creator, for those with the permission datasets:govern, and for those with whom it is shared. "+
		"For everybody else it is as if it did not exist: in lists, queries and downloads, and by its identifier. "+
		"Reports do not see it, because whoever may see a report sees its rows."), New).
	Uses(function.Owns(database.Datasets))

// Request is the visibility to set.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body Visibility
}

// Visibility says who sees the data set.
type Visibility struct {
	Restricted bool `json:"restricted" doc:"Whether members need a share"`
}

// Response is the visibility.
type Response struct{ Body Visibility }

// Function sets the visibility.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const setRestricted = `UPDATE datasets SET restricted = $2, ` + dataset.SetChangedAt + ` WHERE id = $1`

// Handle sets the visibility.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:set_visibility", ResourceID: in.ID.String(), Detail: map[string]any{"restricted": in.Body.Restricted}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockAny(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setRestricted, in.ID, in.Body.Restricted); err != nil {
			return fmt.Errorf("set visibility: %w", err)
		}
		state, err := dataset.State(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		return tx.Publish(ctx, events.DatasetVisibilityChanged{Dataset: state})
	})
	return &Response{Body: in.Body}, err
}
