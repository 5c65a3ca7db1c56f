// Package objects manages the objects of a data set of the kind objects, which are files of any type
// with metadata: everything under /v1/datasets/{id}/objects.
package objects

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

const (
	objectsPath  = "/v1/datasets/{id}/objects"
	objectPath   = objectsPath + "/{name}"
	metadataPath = objectPath + "/metadata"
)

var (
	binary = &huma.Schema{Type: huma.TypeString, Format: "binary"}
	// The schema is an extension because huma would otherwise read the whole body into memory.
	body = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"*/*": {Extensions: map[string]any{"schema": binary}}}}
	file = map[string]*huma.MediaType{"*/*": {Schema: binary}}
)

const nameText = "Slashes in a name are sent as `%2F`. "

// Service declares the function.
var Service = function.Service("datasets-objects", New,
	function.On(function.Get("datasets-list-objects", objectsPath, "List the objects of a data set", policy.DatasetsRead).
		Fails(fault.Conflict).Describe("By name, in the order of its bytes."), (*Function).List),
	function.On(function.Put("datasets-put-object", objectPath, "Store or replace an object", policy.DatasetsWrite).
		Fails(fault.Malformed, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.PreconditionFailed).Takes(body, 0).
		Describe(nameText+"The body is the content, of any type. The object has the `Content-Type` of the request; without one it has the type that its first bytes show, which is recorded as `detected_type` in any case. "+
			"An object that is replaced keeps neither its content nor its metadata. Storing the same content, type and metadata again changes nothing.").
		Answers(map[string]*huma.Response{"201": {Description: "The object is new"}}), (*Function).Put),
	function.On(function.Get("datasets-get-object", objectPath, "Download an object", policy.DatasetsRead).
		Fails(fault.Conflict, fault.Unsatisfiable).
		Describe(nameText+"Supports conditional and range requests (RFC 9110 §13, §14). Pictures, audio and video whose first bytes show the declared type are served inline, and everything else as an attachment. "+
			"An error during the transfer aborts the connection.").
		Answers(map[string]*huma.Response{"200": {Description: "The object", Content: file}, "206": {Description: "The requested range", Content: file}}), (*Function).Get),
	function.On(function.Delete("datasets-delete-object", objectPath, "Delete an object", policy.DatasetsWrite).
		Fails(fault.Conflict, fault.PreconditionFailed).Describe(nameText), (*Function).Delete),
	function.On(function.Get("datasets-get-object-metadata", metadataPath, "Show what is known about an object", policy.DatasetsRead).
		Fails(fault.Conflict).Describe(nameText), (*Function).Show),
	function.On(function.Put("datasets-put-object-metadata", metadataPath, "Replace the metadata of an object", policy.DatasetsWrite).
		Fails(fault.Conflict, fault.PreconditionFailed).Describe(nameText), (*Function).PutMetadata),
).Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Dataset identifies the data set.
type Dataset struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Request identifies an object.
type Request struct {
	Dataset
	Name string `path:"name" example:"photos%2F2026%2Fcat.png" doc:"At most 512 bytes; slashes are sent as %2F. Kept in the audit trail, so without personal data"`
}

// Response is what is known about an object.
type Response struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag" doc:"Send it as If-Match to change the object only if nobody else has"`
	Body     Object
}

// Function manages objects.
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

// caller checks the name of the object and returns the caller.
func (in Request) caller(ctx context.Context) (auth.Caller, error) {
	if err := checkName(in.Name); err != nil {
		return auth.Caller{}, err
	}
	return auth.Member(ctx)
}

func shown(r row) *Response {
	return &Response{Status: http.StatusOK, ETag: r.etag(), Body: r.shown()}
}
