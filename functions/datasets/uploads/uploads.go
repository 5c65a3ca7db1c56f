// Package uploads receives files in several requests, by the tus resumable upload protocol 1.0
// (https://tus.io/protocols/resumable-upload): everything under /v1/uploads. The request that brings
// the last byte makes the file a new version of its data set, as POST /v1/datasets/{id}/upload does.
// Every hour it removes what is left of uploads that have expired.
package uploads

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

const (
	path     = "/v1/uploads"
	itemPath = path + "/{id}"
)

const createText = "tus 1.0 with the extensions creation, creation-with-upload, creation-defer-length, checksum, expiration, concatenation and termination. " +
	"Upload-Metadata has `dataset_id`, which is required, and may have `filename`, `filetype`, `branch`, `operation`, `key`, `message` " +
	"(as the parameters of `POST /v1/datasets/{id}/upload`; `key` names columns, separated by commas, or is a JSON array), `reading` (a JSON object) and `sha256` (of the whole file, hexadecimal). " +
	"Partial uploads need only `dataset_id`. The upload belongs to its creator and its data set. The response that acknowledges the last byte has the number of the new version in Dataset-Version."

// Service declares the function.
var Service = function.Service("datasets-uploads", New,
	function.On(tus(function.Options("datasets-uploads-options", path, "Describe the resumable upload protocol", policy.Public)), (*Function).Options),
	function.On(tus(function.Options("datasets-upload-options", itemPath, "Describe the resumable upload protocol", policy.Public)), (*Function).OptionsOfItem),
	function.On(tus(function.Post("datasets-create-upload", path, "Start a resumable upload", policy.DatasetsWrite)).
		Status(http.StatusCreated).Fails(bodyFaults...).Takes(bytesBody, 0).Describe(createText), (*Function).Create),
	function.On(tus(function.Head("datasets-upload-offset", itemPath, "Ask how much of a resumable upload has arrived", policy.DatasetsWrite)).
		Fails(fault.Gone, fault.PreconditionFailed), (*Function).Head),
	function.On(tus(function.Get("datasets-get-upload", itemPath, "Show a resumable upload", policy.DatasetsWrite)), (*Function).Get),
	function.On(tus(function.Patch("datasets-continue-upload", itemPath, "Continue a resumable upload", policy.DatasetsWrite)).
		Status(http.StatusNoContent).Fails(bodyFaults...).Takes(bytesBody, 0).
		Describe("Adds the body to the upload. If another request is adding to it, the newest one wins and the other fails with 409. If the connection breaks, what has arrived is kept, unless the request has an Upload-Checksum."), (*Function).Patch),
	function.On(tus(function.Post("datasets-override-upload", itemPath, "Continue a resumable upload where PATCH is impossible", policy.DatasetsWrite)).
		Status(http.StatusNoContent).Fails(bodyFaults...).Takes(bytesBody, 0).
		Describe("Does what the method in X-HTTP-Method-Override would do: PATCH, HEAD or DELETE."), (*Function).Override),
	function.On(tus(function.Delete("datasets-delete-upload", itemPath, "End a resumable upload", policy.DatasetsWrite)).
		Fails(fault.PreconditionFailed).
		Describe("Removes what has arrived. If the upload has become a version, the version stays."), (*Function).Delete),
	function.OnSchedule(function.Schedule{Cron: "23 * * * *"}, (*Function).Sweep),
).Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

var bodyFaults = []fault.Kind{fault.Malformed, fault.Conflict, fault.Gone, fault.PreconditionFailed, fault.TooLarge, fault.Unsupported}

// tus makes every response, also a refusal, tell the version of the protocol.
func tus(o function.Operation) function.Operation {
	return o.Speaks(http.Header{resumableField: {protocolVersion}})
}

// bytesBody describes the body. The schema is an extension because huma would otherwise read the
// whole body into memory.
var bytesBody = &huma.RequestBody{Content: map[string]*huma.MediaType{offsetType: {
	Extensions: map[string]any{"schema": &huma.Schema{Type: huma.TypeString, Format: "binary"}},
}}}

// exchange gives a handler the request and the response. The protocol is in their headers.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (e *exchange) Resolve(ctx huma.Context) []error {
	e.r, e.w = humago.Unwrap(ctx)
	e.r = e.r.WithContext(ctx.Context())
	return nil
}

// Request is a request about all uploads.
type Request struct{ exchange }

// ItemRequest is a request about one upload.
type ItemRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	exchange
}

// Response has its content in the header.
type Response struct{ Body func(huma.Context) }

// answer is a response without a body.
func (e *exchange) answer(status int) (*Response, error) {
	return &Response{Body: func(huma.Context) { e.w.WriteHeader(status) }}, nil
}

// Function receives uploads.
type Function struct{ store *resumable.Store }

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	limit := cmp.Or(env.Config.MaxUploadBytes, transfer.DefaultUploadLimit)
	return &Function{&resumable.Store{DB: area.DB, Keys: keys, Area: area, Limit: limit}}, err
}

// Options describes the protocol.
func (f *Function) Options(_ context.Context, in *Request) (*Response, error) {
	h := in.w.Header()
	h.Set("Tus-Version", protocolVersion)
	h.Set("Tus-Extension", extensions)
	h.Set("Tus-Max-Size", strconv.FormatInt(f.store.Limit, 10))
	h.Set("Tus-Checksum-Algorithm", algorithmNames())
	return in.answer(http.StatusNoContent)
}

// OptionsOfItem describes the protocol too.
func (f *Function) OptionsOfItem(ctx context.Context, in *ItemRequest) (*Response, error) {
	return f.Options(ctx, &Request{in.exchange})
}

// Sweep removes what is left of expired uploads.
func (f *Function) Sweep(ctx context.Context) error { return f.store.Sweep(ctx) }

// find returns the caller's upload.
func (f *Function) find(ctx context.Context, id uuid.UUID) (*resumable.Upload, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return f.store.Find(ctx, caller, id)
}
