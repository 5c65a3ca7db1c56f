// Package get returns a data set with the profile of its newest version: GET /v1/datasets/{id}.
package get

import (
	"context"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/ingest/reading"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-get", "/v1/datasets/{id}", "Show a data set", policy.DatasetsRead), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Detail is a data set with the profile of its columns.
type Detail struct {
	dataset.Dataset
	Reading *reading.Detected `json:"reading,omitempty" doc:"How the newest version was read. Whatever was detected can be set by the option of the same name at the next upload"`
	Columns *dataset.Profile  `json:"columns,omitempty" doc:"Columns of the newest version, once it is profiled"`
}

// Response is the data set.
type Response struct{ Body Detail }

// Function returns data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const selectDataset = `
SELECT d.id, d.kind, d.name, d.description, d.declared_schema AS schema, d.storage_type, d.status, coalesce(v.version, 0) AS version,
       d.ready_version, v.format, v.compression, v.size_bytes, encode(v.sha256, 'hex') AS sha256, v.row_count, ` + profiling.SelectProgress + `, v.failure,
       v.uploaded_at, d.created_at, d.changed_at, CASE WHEN v.status NOT IN ('blocked', 'processing') THEN v.columns END AS columns,
       coalesce(v.detected, CASE WHEN v.version IS NOT NULL THEN json_build_object('options', coalesce(v.reading, '{}')) END) AS reading
FROM datasets d LEFT JOIN LATERAL (` + dataset.Newest + `) v ON true
WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL`

// Handle reads the data set.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	d, err := database.One[Detail](ctx, f.db, dataset.ErrNotFound, selectDataset, in.ID, reader)
	if err != nil {
		return nil, err
	}
	view, err := access.Load(ctx, f.db, in.ID, reader, nil)
	if err != nil {
		return nil, err
	}
	d.Conceal(view)
	if err := d.Columns.Conceal(view); err != nil {
		return nil, err
	}
	return &Response{Body: d}, nil
}
