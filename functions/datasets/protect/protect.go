// Package protect sets whether main of a data set changes only by approved proposals: PUT
// /v1/datasets/{id}/protection.
package protect

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
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Put("datasets-protect", "/v1/datasets/{id}/protection", "Require approval for changes", policy.DatasetsApprove).Fails(fault.Conflict).
	Describe("While a data set is protected, uploads, restores and merges to main are refused, and so is its deletion: "+
		"a person changes a branch and proposes it, and another person approves the proposal."), New).
	Uses(function.Owns(database.Datasets))

// Request is the protection to set.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Protected bool `json:"protected"`
	}
}

// Response is the protection.
type Response struct {
	Body struct {
		Protected bool `json:"protected"`
	}
}

// Function sets the protection.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const setProtected = `UPDATE datasets SET protected = $2, ` + dataset.SetChangedAt + ` WHERE id = $1`

// Handle sets the protection.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:protect", ResourceID: in.ID.String(), Detail: map[string]any{"protected": in.Body.Protected}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setProtected, in.ID, in.Body.Protected); err != nil {
			return fmt.Errorf("set protection: %w", err)
		}
		return nil
	})
	out := &Response{}
	out.Body.Protected = in.Body.Protected
	return out, err
}
