// Package delete deletes a data set: DELETE /v1/datasets/{id}.
//
// The data set disappears for its users at once, and its name can be used again. Its bytes and
// keys are destroyed when the retention policy allows it (datasets-dispose).
package delete

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("datasets-delete", "/v1/datasets/{id}", "Delete a data set", policy.DatasetsWrite).
	Fails(fault.Conflict), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is empty.
type Response struct{}

// Function deletes data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Handle marks the data set as deleted.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	err = dataset.Remove(ctx, f.db, caller.OrganizationID, in.ID, access.Of(caller))
	if err != nil {
		return nil, fmt.Errorf("delete data set: %w", err)
	}
	return &Response{}, nil
}
