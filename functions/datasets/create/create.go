// Package create creates a data set: POST /v1/datasets.
package create

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"function/functions/datasets/internal/dataset"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-create", "/v1/datasets", "Create a data set", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Conflict).
	Describe("A data set of the kind `table` has versions, which are files of rows, one of the kind `documents` holds JSON documents (`/v1/datasets/{id}/documents`), and one of the kind `objects` holds files of any type, such as pictures (`/v1/datasets/{id}/objects`). "+
		"In SQL, a data set of the kind `table` is a table with the same name. A name with a dash, or one that is a keyword, must be quoted: `SELECT * FROM \"my-data\"`."), New).
	Uses(function.Owns(database.Datasets), function.Objects)

// Request describes the data set.
type Request struct {
	Body struct {
		Kind        string          `json:"kind,omitempty" enum:"table,documents,objects" default:"table" doc:"What the data set holds. It cannot be changed"`
		Name        string          `json:"name" pattern:"^[A-Za-z_][A-Za-z0-9_-]{0,62}$" doc:"Unique in the organization, ignoring case" example:"customer_data"`
		Description string          `json:"description,omitempty" maxLength:"10000" pattern:"^[^\\x00]*$"`
		Schema      *dataset.Schema `json:"schema,omitempty" doc:"Column types that every uploaded file must have. If absent, they are inferred from each file"`
		Restricted  bool            `json:"restricted,omitempty" doc:"Whether other members need a share to see it; see PUT /v1/datasets/{id}/visibility"`
		StorageType string          `json:"storage_type,omitempty" enum:"local,s3,gcs,azure" default:"local" doc:"Where the files of a table, or objects, are stored"`
	}
}

// Response is the new data set, which has no versions yet.
type Response struct{ Body dataset.Dataset }

// Function creates data sets.
type Function struct {
	db      *outbox.DB
	objects func(ctx context.Context, storageType string) (*objects.Bucket, error)
}

// New connects the function to its database and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db, objects: env.Objects}, err
}

// Handle inserts the data set.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.Body.Schema.Check("body.schema"); err != nil {
		return nil, err
	}
	if in.Body.Schema != nil && in.Body.Kind != dataset.Table {
		return nil, fault.At("body.schema", "only tables have columns: leave it out (documents have a JSON Schema, PUT /v1/datasets/{id}/documents/schema)")
	}
	if in.Body.Kind == dataset.Documents && in.Body.StorageType != "local" {
		return nil, fault.At("body.storage_type", "only files of tables and objects are stored there: leave it out (documents are stored in the deployment's document database)")
	}
	if _, err := f.objects(ctx, in.Body.StorageType); errors.Is(err, function.ErrNotConfigured) {
		return nil, fault.At("body.storage_type", "this deployment has no storage of type %s: use another type, or ask the operator to set %s", in.Body.StorageType, function.StorageSetting(in.Body.StorageType))
	} else if err != nil {
		return nil, err
	}
	id := uuid7.New()
	now := time.Now().UTC().Truncate(time.Microsecond)
	d := dataset.Dataset{
		ID: id, Kind: in.Body.Kind, Name: in.Body.Name, Description: in.Body.Description, Schema: in.Body.Schema,
		StorageType: in.Body.StorageType, Status: dataset.Draft, CreatedAt: now, ChangedAt: now,
	}
	if d.Kind != dataset.Table {
		d.Status = dataset.Ready // documents and objects are readable as soon as they are stored
	}
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:create", ResourceID: id.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		return dataset.Insert(ctx, tx, d, caller.OrganizationID, caller.UserID, in.Body.Restricted)
	})
	if err != nil {
		return nil, fmt.Errorf("create data set: %w", err)
	}
	return &Response{Body: d}, nil
}
