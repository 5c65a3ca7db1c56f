package documents

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/document"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/fault"
)

const findText = "The operators are `$eq` (also a value alone), `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$exists`, `$not`, `$and` and `$or`, as in MongoDB: " +
	"a path such as `items.price` leads through objects and the elements of arrays, and a condition holds if it holds for one of the values there. " +
	"Numbers are compared exactly and strings by code point; values of different types are not equal, `$gt` and its kin compare numbers or strings only, and null does not equal a missing member. " +
	"Searching for equal values uses an index; other searches read the documents, so a page may have fewer of them than `limit` although another page follows. " +
	"With `sort`, at most 100,000 documents or 512 MiB are read."

// FindRequest selects documents.
type FindRequest struct {
	Dataset
	Body struct {
		Filter document.Content `json:"filter,omitempty" required:"false" doc:"Absent: all documents" example:"{\"status\": \"open\", \"total\": {\"$gte\": 100}}"`
		Sort   []string         `json:"sort,omitempty" maxItems:"4" nullable:"false" doc:"Paths; a dash before a path sorts downwards. Missing members come first, then null, numbers, strings, objects, arrays and booleans. Absent: newest first" example:"[\"-total\"]"`
		Fields []string         `json:"fields,omitempty" maxItems:"100" nullable:"false" doc:"Paths of the members to return; absent: all" example:"[\"status\", \"total\"]"`
		Limit  int              `json:"limit,omitempty" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of documents. A page has at most 8 MiB"`
		Cursor string           `json:"cursor,omitempty" maxLength:"20000" doc:"next_cursor of the previous page, with the same filter and sort"`
	}
}

// FindResponse is one page of documents.
type FindResponse struct{ Body document.Found }

// Get shows a document.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	if err := f.visible(ctx, in.Dataset); err != nil {
		return nil, err
	}
	found, err := f.store.Get(ctx, in.ID, in.Document)
	return &Response{Status: http.StatusOK, ETag: found.ETag, Body: found}, err
}

// Find returns a page of documents.
func (f *Function) Find(ctx context.Context, in *FindRequest) (*FindResponse, error) {
	if err := f.visible(ctx, in.Dataset); err != nil {
		return nil, err
	}
	filter, err := document.ParseFilter(in.Body.Filter.RawMessage)
	if err != nil {
		return nil, err
	}
	for i, by := range in.Body.Sort {
		if err := checkPath(strings.TrimPrefix(by, "-"), fmt.Sprintf("body.sort[%d]", i)); err != nil {
			return nil, err
		}
	}
	for i, field := range in.Body.Fields {
		if err := checkPath(field, fmt.Sprintf("body.fields[%d]", i)); err != nil {
			return nil, err
		}
	}
	found, err := f.store.Find(ctx, in.ID, document.Query{
		Filter: filter, Sort: in.Body.Sort, Fields: in.Body.Fields, Limit: in.Body.Limit, Cursor: in.Body.Cursor,
	})
	return &FindResponse{Body: found}, err
}

func checkPath(path, at string) error {
	if !document.ValidPath(path) {
		return fault.At(at, "a path has a name between dots, such as address.city, and at most 1,000 bytes")
	}
	return nil
}

// visible refuses a data set that the caller's organization does not have, or of another kind.
func (f *Function) visible(ctx context.Context, in Dataset) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return dataset.Readable(ctx, f.store.DB, dataset.Documents, in.ID, access.Of(caller))
}
