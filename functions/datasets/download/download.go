// Package download returns a version, as it was uploaded or converted: GET
// /v1/datasets/{id}/download.
package download

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/catalogue"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/transfer"
	stored "function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-download", "/v1/datasets/{id}/download", "Download a version, as it was uploaded or converted", policy.DatasetsRead).
	Fails(fault.Conflict, fault.Unsatisfiable).
	Describe("Without `format`, the file as it was uploaded. Supports conditional and range requests (RFC 9110 §13, §14), so an interrupted download can be resumed. The ETag is the SHA-256 of the file. "+
		"With `format`, all rows of the version, converted. Values are exact. The header `Conversion-Notes` (RFC 9651, a list of strings) says which types the format carries as others; what it cannot carry is refused. "+
		"An error during the transfer aborts the connection.").
	Answers(map[string]*huma.Response{"200": fileAnswer, "206": transfer.FileAnswer("The requested range of the file")}), New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// fileAnswer describes the response with a whole file.
var fileAnswer = func() *huma.Response {
	answer := transfer.FileAnswer("The file")
	answer.Headers[notesHeader] = &huma.Header{
		Description: "With `format`: which types the format carries as others, a list of strings (RFC 9651)",
		Schema:      &huma.Schema{Type: huma.TypeString},
	}
	return answer
}()

// Request identifies the data set and the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version string    `query:"version" pattern:"^([0-9]{1,9}|[a-z][a-z0-9._-]{0,62}|[0-9]{4}-[0-9TZ:.+-]{1,40})$" patternDescription:"a number, tag, branch or time" doc:"The version to download: a number, tag, branch or time. If absent, the newest of main" example:"3"`
	Format  string    `query:"format" enum:"csv,json,ndjson,parquet,avro,orc,arrow" doc:"The format to convert the rows to. If absent, the file as it was uploaded"`

	IfNoneMatch string `header:"If-None-Match"`
}

// Response writes the file.
type Response struct{ Body func(huma.Context) }

// Function serves the files of versions.
type Function struct {
	db      *outbox.DB
	keys    *secret.Keeper
	objects func(ctx context.Context, storageType string) (*objects.Bucket, error)

	scratch     string
	conversions chan struct{}
}

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, keys: keys, objects: env.Objects, scratch: env.Config.Scratch, conversions: make(chan struct{}, maxConversions)}, err
}

// newest is the version of main that is downloaded if none is named. If the data set has a contract, it is one that meets
// it.
const newest = `
SELECT max(version) FROM dataset_versions n WHERE n.dataset_id = d.id AND n.branch = 'main' AND n.status <> 'blocked'
  AND (n.status = 'ready' OR NOT EXISTS (SELECT FROM dataset_contracts c WHERE c.dataset_id = d.id))`

const selectVersion = `
SELECT d.name, d.storage_type, v.version, f.format, coalesce(f.compression, '') AS compression, ` + stored.SelectReading + `, f.sha256, f.version AS file_version, f.uploaded_at, v.archived_at IS NOT NULL AS archived,
       CASE v.status WHEN 'blocked' THEN coalesce(v.failure, '') END AS blocked,
       v.status = 'processing' AND EXISTS (SELECT FROM dataset_contracts c WHERE c.dataset_id = d.id) AS unchecked
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
JOIN dataset_versions f ON f.dataset_id = d.id AND f.version = CASE v.operation WHEN 'restore' THEN v.source_version ELSE v.version END AND EXISTS (SELECT FROM version_files p WHERE p.dataset_id = f.dataset_id AND p.version = f.version)
WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL
  AND v.version = CASE WHEN $3 = '' THEN (` + newest + `) WHEN $3 ~ '^[0-9]{1,9}$' THEN $3::int ELSE ` + stored.SelectNamed + ` END`

// Handle opens the version before it starts the response, so that a failure is reported as a
// problem and not as a truncated file.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, reader); err != nil {
		return nil, err
	}
	view, err := access.Load(ctx, f.db, in.ID, reader, f.keys)
	if err != nil {
		return nil, err
	}
	if in.Format != "" {
		return f.convert(ctx, in, caller, reader, view)
	}
	if !view.Whole() {
		return nil, fault.New(fault.Forbidden, "A policy of this data set limits what you may read of it: set format, such as format=csv, to get that")
	}
	if err := stored.CheckExpired(ctx, f.db, in.ID, in.Version, "query.version"); err != nil {
		return nil, err
	}
	v, err := database.One[version](ctx, f.db, fault.New(fault.NotFound, "There is no data set with this identifier, or it has no such version"), selectVersion, in.ID, reader, in.Version)
	if err != nil {
		return nil, err
	}
	if v.Blocked != nil {
		return nil, stored.Blocked(v.Version, *v.Blocked)
	}
	if v.Unchecked {
		return nil, fault.New(fault.Conflict, "Version %d is being checked against the contract of the data set: download it when it is ready", v.Version)
	}
	if v.Archived {
		return nil, archival.Refusal(v.Version)
	}
	object, mediaType, err := f.open(ctx, in.ID, v)
	if err != nil {
		return nil, fmt.Errorf("download version: %w", err)
	}
	err = f.record(ctx, caller, in.ID, map[string]any{"version": v.Version})
	if err != nil {
		object.Close()
		return nil, err
	}
	return &Response{Body: func(hctx huma.Context) {
		defer object.Close()
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", mediaType)
		header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-v%d.%s"`, v.Name, v.Version, v.file().Extension()))
		header.Set("ETag", `"`+hex.EncodeToString(v.SHA256)+`"`)
		transfer.ServeFile(w, r, v.UploadedAt, object)
	}}, nil
}

// record records and counts a download.
func (f *Function) record(ctx context.Context, caller auth.Caller, id uuid.UUID, detail map[string]any) error {
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := audit.Record(ctx, tx, audit.Entry{Action: "datasets:download", ResourceID: id.String(), Detail: detail}); err != nil {
			return err
		}
		return catalogue.Count(ctx, tx, catalogue.Downloads, caller.UserID, id)
	})
}
