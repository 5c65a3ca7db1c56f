// Package create describes a new data set: POST /v1/datasets.
package create

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"function/functions/datasets"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-create", "/v1/datasets", "Describe a data set", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Conflict).
	Describe("A data set is a table by its name. In SQL a name with a dash, or one that is a keyword, is quoted: `SELECT * FROM \"my-data\"`."), New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Request is the description.
type Request struct {
	Body struct {
		Name        string           `json:"name" pattern:"^[A-Za-z_][A-Za-z0-9_-]{0,62}$" doc:"Unique in the organization, whatever its case" example:"customer_data"`
		Description string           `json:"description,omitempty" maxLength:"10000" pattern:"^[^\\x00]*$"`
		Schema      *datasets.Schema `json:"schema,omitempty" doc:"Types that every uploaded file must have; absent: inferred from each file"`
		StorageType string           `json:"storage_type,omitempty" enum:"local,s3,gcs,azure" default:"local" doc:"Where the bytes are kept"`
	}
}

// Response is the data set, which holds nothing yet.
type Response struct{ Body datasets.Dataset }

// Function describes data sets.
type Function struct{ datasets.Store }

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{store}, err
}

const insertDataset = `
INSERT INTO datasets (id, organization_id, name, description, declared_schema, storage_type, status, created_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`

// Handle inserts the data set.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.Body.Schema.Check("body.schema"); err != nil {
		return nil, err
	}
	if _, err := f.Objects(ctx, in.Body.StorageType); errors.Is(err, function.ErrNotConfigured) {
		return nil, fault.At("body.storage_type", "this storage type is not configured here; local is")
	} else if err != nil {
		return nil, err
	}
	id := uuid7.New()
	now := time.Now().UTC().Truncate(time.Microsecond)
	d := datasets.Dataset{
		ID: id, Name: in.Body.Name, Description: in.Body.Description, Schema: in.Body.Schema,
		StorageType: in.Body.StorageType, Status: datasets.Draft, CreatedAt: now, ChangedAt: now,
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		_, err := tx.Exec(ctx, insertDataset, d.ID, caller.OrganizationID, d.Name, d.Description, d.Schema, d.StorageType, d.Status, caller.UserID, now)
		if err != nil {
			return fmt.Errorf("insert data set: %w", err)
		}
		state, err := datasets.State(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "datasets:create", ResourceID: id.String()}); err != nil {
			return err
		}
		return tx.Publish(ctx, events.DatasetCreated{Dataset: state})
	})
	if database.Violates(err, "datasets_name") {
		return nil, fault.New(fault.Conflict, "Your organization has a data set of this name already; SQL names know no case")
	}
	if err != nil {
		return nil, fmt.Errorf("create data set: %w", err)
	}
	return &Response{Body: d}, nil
}
