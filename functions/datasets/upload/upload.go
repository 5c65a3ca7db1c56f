// Package upload stores a new version of a data set: POST /v1/datasets/{id}/upload.
//
// The body is never held whole: it streams through hashing, compression and
// encryption into storage. The version exists once all of it has arrived;
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

	"function/functions/datasets"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-upload", "/v1/datasets/{id}/upload", "Upload a file as the next version", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Malformed, fault.TooLarge, fault.Unsupported).Takes(datasets.FormBody, 0).
	Describe("CSV, JSON (an array of objects, or one object per line) or Parquet. "+
		"The delimiter of a CSV file is found among comma, semicolon, tab, vertical bar, ~, ^ and the control characters that some programs use; "+
		"a first line such as `sep=:` names any other. "+
		"Text is UTF-8, or UTF-16 with a byte order mark; another encoding is named in the file's part of the form: `Content-Type: text/csv; charset=windows-1252`. "+
		"A CSV file without a header line says so there, too: `text/csv; header=absent`."), New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Request is the form, which Handle reads as it arrives.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`

	http   *http.Request
	answer http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (r *Request) Resolve(ctx huma.Context) []error {
	r.http, r.answer = humago.Unwrap(ctx)
	return nil
}

// Response is the version.
type Response struct {
	Body struct {
		DatasetID  uuid.UUID `json:"dataset_id" format:"uuid"`
		Version    int       `json:"version"`
		Status     string    `json:"status" enum:"processing"`
		Format     string    `json:"format" enum:"csv,json,parquet"`
		SizeBytes  int64     `json:"size_bytes"`
		SHA256     string    `json:"sha256" doc:"Of the file, hexadecimal"`
		UploadedAt time.Time `json:"uploaded_at"`
	}
}

// Function stores versions.
type Function struct {
	datasets.Store
	limit int64
}

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{Store: store, limit: cmp.Or(env.Config.MaxUploadBytes, datasets.DefaultUploadLimit)}, err
}

const (
	selectStorage = `SELECT storage_type FROM datasets WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL`
	nextVersion   = `
UPDATE datasets SET newest_version = newest_version + 1, status = 'processing', ` + datasets.Changed + `
WHERE id = $1 AND deleted_at IS NULL RETURNING newest_version`
	insertVersion = `
INSERT INTO dataset_versions (dataset_id, version, status, format, header_absent, charset, size_bytes, stored_bytes, sha256, object_name, wrapped_key, uploaded_by)
VALUES ($1, $2, 'processing', $3, $4, nullif($5, ''), $6, $7, $8, $9, $10, $11) RETURNING uploaded_at`
)

// Handle stores the file, and then the version.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var storageType string
	err = f.DB.QueryRow(ctx, selectStorage, in.ID, caller.OrganizationID).Scan(&storageType)
	if database.IsNoRows(err) {
		return nil, datasets.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("look up data set: %w", err)
	}
	file, err := datasets.OpenForm(in.http.Header.Get("Content-Type"), datasets.PatientReader(in.answer, in.http.Body))
	if err != nil {
		return nil, err
	}
	received, err := f.Receive(ctx, file, storageType, caller.OrganizationID, f.limit)
	if err != nil {
		return nil, err
	}
	defer received.Discard(ctx)
	out := &Response{}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error { return insert(ctx, tx, in.ID, caller, file, received, out) })
	if database.IsNoRows(err) {
		return nil, datasets.ErrNotFound // deleted while the file arrived
	}
	if err != nil {
		return nil, fmt.Errorf("add version: %w", err)
	}
	return out, nil
}

func insert(ctx context.Context, tx *outbox.Tx, id uuid.UUID, caller auth.Caller, file *datasets.File, r *datasets.Received, out *Response) error {
	out.Body.DatasetID, out.Body.Status, out.Body.Format = id, datasets.Processing, file.Format
	out.Body.SizeBytes, out.Body.SHA256 = r.Size, hex.EncodeToString(r.SHA256)
	if err := tx.QueryRow(ctx, nextVersion, id).Scan(&out.Body.Version); err != nil {
		return fmt.Errorf("number version: %w", err)
	}
	err := tx.QueryRow(ctx, insertVersion, id, out.Body.Version, file.Format, file.HeaderAbsent, file.Charset, r.Size,
		r.StoredBytes(), r.SHA256, r.Name, r.WrappedKey, caller.UserID).Scan(&out.Body.UploadedAt)
	if err != nil {
		return fmt.Errorf("insert version: %w", err)
	}
	if err := r.Adopt(ctx, tx); err != nil {
		return err
	}
	err = audit.Record(ctx, tx, audit.Entry{Action: "datasets:upload", ResourceID: id.String(), Detail: map[string]any{"version": out.Body.Version, "sha256": out.Body.SHA256}})
	if err != nil {
		return err
	}
	state, err := datasets.State(ctx, tx, id)
	if err != nil {
		return err
	}
	return tx.Publish(ctx, events.DatasetUploaded{Dataset: state})
}
