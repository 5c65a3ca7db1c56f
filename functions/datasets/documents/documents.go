// Package documents manages the JSON documents of a data set of the kind documents: everything under
// /v1/datasets/{id}/documents.
package documents

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/datasets/internal/document"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

const (
	path         = "/v1/datasets/{id}/documents"
	documentPath = path + "/{document}"
	schemaPath   = path + "/schema"
)

var (
	object    = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	body      = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{function.JSONType: {Extensions: map[string]any{"schema": object}}}}
	patchBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/merge-patch+json": {Extensions: map[string]any{"schema": object}},
		function.JSONType:              {Extensions: map[string]any{"schema": object}},
	}}
	writeFaults = []fault.Kind{fault.Malformed, fault.Conflict, fault.TooLarge, fault.Unsupported}
)

const limitsText = "A document is a JSON object of at most 1 MiB and 100 levels. Numbers keep the digits that they are written with, and null is not a missing member. " +
	"A document that does not satisfy the schema of the data set is refused with the places at fault."

// Service declares the function.
var Service = function.Service("datasets-documents", New,
	function.On(function.Post("datasets-insert-document", path, "Insert a document", policy.DatasetsWrite).
		Status(http.StatusCreated).Fails(writeFaults...).Takes(body, document.MaxSize).
		Describe(limitsText+" Inserting the same document with the same `id` again changes nothing and answers 200; another document with that `id` is a conflict.").
		Answers(map[string]*huma.Response{"200": {Description: "The document was there"}}), (*Function).Insert),
	function.On(function.Post("datasets-find-documents", path+"/find", "Find documents", policy.DatasetsRead).
		Fails(fault.Conflict).Describe(findText), (*Function).Find),
	function.On(function.Get("datasets-get-document", documentPath, "Show a document", policy.DatasetsRead).
		Fails(fault.Conflict), (*Function).Get),
	function.On(function.Put("datasets-put-document", documentPath, "Insert or replace a document", policy.DatasetsWrite).
		Fails(writeFaults...).Fails(fault.PreconditionFailed).Takes(body, document.MaxSize).Describe(limitsText).
		Answers(map[string]*huma.Response{"201": {Description: "The document is new"}}), (*Function).Put),
	function.On(function.Patch("datasets-patch-document", documentPath, "Change members of a document", policy.DatasetsWrite).
		Fails(writeFaults...).Fails(fault.PreconditionFailed).Takes(patchBody, document.MaxSize).
		Describe("A JSON Merge Patch (RFC 7396): absent members stay, null removes, objects are merged. The result is checked as a new document is."), (*Function).Patch),
	function.On(function.Delete("datasets-delete-document", documentPath, "Delete a document", policy.DatasetsWrite).
		Fails(fault.Conflict, fault.PreconditionFailed), (*Function).Delete),
	function.On(function.Get("datasets-get-document-schema", schemaPath, "Show the schema of the documents", policy.DatasetsRead).
		Fails(fault.Conflict), (*Function).Schema),
	function.On(function.Put("datasets-set-document-schema", schemaPath, "Set the schema of the documents", policy.DatasetsWrite).
		Fails(writeFaults...).Takes(body, document.MaxSchema).
		Describe("A JSON Schema (2020-12) of at most 64 KiB, which refers only to itself. `format` is checked. It applies to documents that are written from now on: "+
			"check the stored ones first (`POST /v1/datasets/{id}/documents/schema/check`)."), (*Function).SetSchema),
	function.On(function.Delete("datasets-delete-document-schema", schemaPath, "Remove the schema of the documents", policy.DatasetsWrite).
		Fails(fault.Conflict), (*Function).DeleteSchema),
	function.On(function.Post("datasets-check-document-schema", schemaPath+"/check", "Check the stored documents against a schema", policy.DatasetsRead).
		Fails(writeFaults...).Takes(body, document.MaxSchema).
		Describe("Nothing is changed: this is the dry run of setting a schema."), (*Function).CheckSchema),
).Uses(function.Owns(database.Datasets), function.Keys, function.Documents)

// Dataset identifies the data set.
type Dataset struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Request identifies a document.
type Request struct {
	Dataset
	Document string `path:"document" maxLength:"200" pattern:"^[A-Za-z0-9_~:@-][A-Za-z0-9._~:@-]*$" patternDescription:"letters, digits and . _ ~ : @ -, not beginning with a dot" example:"order-17" doc:"Kept in the audit trail, so without personal data"`
}

// Response is a document.
type Response struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag" doc:"Send it as If-Match to change the document only if nobody else has"`
	Body     document.Document
}

// Function manages documents.
type Function struct{ store *document.Store }

// New opens the document store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := document.Open(ctx, env)
	return &Function{store}, err
}
