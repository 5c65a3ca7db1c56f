// Package list lists the organization's data sets: GET /v1/datasets.
package list

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-list", "/v1/datasets", "List the data sets of your organization", policy.DatasetsRead), New).
	Uses(function.Owns(database.Datasets))

// Request selects one page.
type Request struct {
	page.Query
	Status  string `query:"status" enum:"draft,processing,ready,failed,blocked" doc:"Only data sets in this state"`
	Kind    string `query:"kind" enum:"table,documents,objects" doc:"Only data sets of this kind"`
	Deleted bool   `query:"deleted" doc:"Only deleted data sets, which can still be brought back"`
	Shared  bool   `query:"shared" doc:"Only data sets of other organizations that are shared with you, instead of those of your own"`
}

// Response is one page of data sets.
type Response struct{ Body page.Page[dataset.Dataset] }

// Function lists data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const selectDatasets = `
SELECT d.id, d.kind, d.name, d.description, d.declared_schema AS schema, d.storage_type, d.status, coalesce(v.version, 0) AS version,
       d.ready_version, v.format, v.compression, v.size_bytes, encode(v.sha256, 'hex') AS sha256, v.row_count, ` + profiling.SelectProgress + `, v.failure,
       v.uploaded_at, d.created_at, d.changed_at, ` + access.Columns + `
FROM datasets d LEFT JOIN LATERAL (` + dataset.Newest + `) v ON true
WHERE (@shared AND d.organization_id <> @organization AND d.id IN (SELECT s.dataset_id FROM dataset_shares s WHERE s.grantee_id = ANY (@principals))
       OR NOT @shared AND d.organization_id = @organization)
  AND may_read(d, @reader) AND (d.deleted_at IS NOT NULL) = @deleted AND d.id < @before AND (@status = '' OR d.status = @status) AND (@kind = '' OR d.kind = @kind)
ORDER BY d.id DESC LIMIT @limit`

type listed struct {
	dataset.Dataset
	access.Stored
}

// Handle reads the page.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if in.Shared && in.Deleted {
		return nil, fault.At("query.deleted", "a data set that another organization has deleted is no longer shared: leave out deleted or shared")
	}
	reader := access.Of(caller)
	found, err := page.List(ctx, f.db, in.Query, func(d listed) uuid.UUID { return d.ID }, selectDatasets, pgx.NamedArgs{
		"organization": reader.Organization, "principals": reader.Principals, "reader": reader,
		"shared": in.Shared, "status": in.Status, "kind": in.Kind, "deleted": in.Deleted,
	})
	if err != nil {
		return nil, err
	}
	shown, err := page.Map(found, func(d listed) (dataset.Dataset, error) {
		view, err := d.View(reader, nil)
		d.Conceal(view)
		return d.Dataset, err
	})
	return &Response{Body: shown}, err
}
