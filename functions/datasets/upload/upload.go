// Package upload stores a new version of a data set: POST /v1/datasets/{id}/upload.
//
// The body is never held in memory as a whole: it streams through hashing, compression and
// encryption into storage. The version is created once the whole file has arrived;
// datasets-profile then makes it ready for queries.
package upload

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/functions/datasets/internal/version"
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

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-upload", "/v1/datasets/{id}/upload", "Upload a file as the next version", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Malformed, fault.Conflict, fault.TooLarge, fault.Unsupported).Takes(transfer.FormBody, 0).
	Describe("CSV, JSON (an array of objects, or one object per line), Parquet, Avro (an object container file), ORC or Arrow (an IPC stream or file, which is Feather v2). "+
		"The file may be compressed with gzip or zstd, or be the only file in a zip archive. "+
		"The delimiter of a CSV file is detected: comma, semicolon, tab, vertical bar, ~, ^ or one of the control characters that some programs use; "+
		"a first line such as `sep=:` sets any other. Text is UTF-8, or UTF-16 with a byte order mark. "+
		"To set how the file is read, send a field `reading` before the file, a JSON object: "+
		"`{\"delimiter\": \";\", \"decimal_separator\": \",\", \"date_format\": \"%d.%m.%Y\", \"null_values\": [\"NA\"]}`. "+
		"`GET /v1/datasets/{id}` shows what was detected, by the same names. "+
		"The encoding and the absence of a header can also be declared in the Content-Type of the file's part: `text/csv; charset=windows-1252; header=absent`."), New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Request identifies the data set. Handle reads the form in the body as it arrives.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	version.Change

	http   *http.Request
	answer http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (r *Request) Resolve(ctx huma.Context) []error {
	r.http, r.answer = humago.Unwrap(ctx)
	return nil
}

// Response is the new version.
type Response struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   int       `json:"version"`
		Status    string    `json:"status" enum:"processing"`
		Format    string    `json:"format" enum:"csv,json,parquet,avro,orc,arrow"`

		Compression string `json:"compression,omitempty" enum:"gzip,zstd,zip,tar" doc:"Absent if the file is not compressed"`

		SizeBytes  int64     `json:"size_bytes"`
		SHA256     string    `json:"sha256" doc:"SHA-256 of the file, hexadecimal"`
		UploadedAt time.Time `json:"uploaded_at"`
	}
}

// Function stores versions.
type Function struct {
	db    *outbox.DB
	keys  *secret.Keeper
	area  staging.Area
	limit int64
}

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	limit := cmp.Or(env.Config.MaxUploadBytes, transfer.DefaultUploadLimit)
	return &Function{db: area.DB, keys: keys, area: area, limit: limit}, err
}

const selectStorage = `SELECT kind, storage_type, declared_schema IS NOT NULL FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL`

// Handle stores the file and then creates the version.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.Change.Check(); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:upload", ResourceID: in.ID.String()}
	file, received, err := f.receive(ctx, in, access.Of(caller))
	if err != nil {
		return nil, act.Refused(context.WithoutCancel(ctx), f.db, entry, err) // even if the client has disconnected
	}
	defer received.Discard(ctx)
	out := &Response{}
	out.Body.DatasetID, out.Body.Status, out.Body.Format = in.ID, dataset.Processing, file.Format
	out.Body.Compression = file.Compression
	out.Body.SizeBytes, out.Body.SHA256 = received.Size, hex.EncodeToString(received.SHA256)
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if out.Body.Version, out.Body.UploadedAt, err = version.Add(ctx, tx, caller.UserID, in.ID, in.Change, file.File, received.Stored()); err != nil {
			return err
		}
		entry.Detail = map[string]any{"version": out.Body.Version, "sha256": out.Body.SHA256, "branch": in.Branch, "operation": in.Operation}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("add version: %w", err)
	}
	return out, nil
}

func (f *Function) receive(ctx context.Context, in *Request, r access.Reader) (*transfer.File, *version.Received, error) {
	var kind, storageType string
	var declared bool
	err := f.db.QueryRow(ctx, selectStorage, in.ID, r).Scan(&kind, &storageType, &declared)
	if database.IsNoRows(err) {
		return nil, nil, dataset.ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look up data set: %w", err)
	}
	if err := dataset.CheckKind(kind, dataset.Table); err != nil {
		return nil, nil, err
	}
	if err := version.CheckBranch(ctx, f.db, in.ID, in.Branch); err != nil {
		return nil, nil, err
	}
	if in.http.ContentLength > f.limit+transfer.MaxOverhead {
		return nil, nil, transfer.TooLarge(f.limit)
	}
	file, err := transfer.OpenForm(in.http.Header.Get("Content-Type"), transfer.IdleTimeoutReader(in.answer, in.http.Body))
	if err != nil {
		return nil, nil, err
	}
	if declared && len(file.Reading.Types) > 0 {
		return nil, nil, fault.At("body.reading.types", "the data set has a declared schema, which gives every column its type")
	}
	received, err := version.Receive(ctx, f.keys, f.area, file, storageType, r.Organization, f.limit)
	return file, received, err
}
