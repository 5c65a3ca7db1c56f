package documents

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/document"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/function"
)

// InsertRequest is a new document.
type InsertRequest struct {
	Dataset
	Document string `query:"id" maxLength:"200" pattern:"^[A-Za-z0-9_~:@-][A-Za-z0-9._~:@-]*$" patternDescription:"letters, digits and . _ ~ : @ -, not beginning with a dot" example:"order-17" doc:"Identifier of the document; absent: one is made. Kept in the audit trail, so without personal data"`
	function.Raw
}

// WriteRequest is a document or a patch.
type WriteRequest struct {
	Request
	dataset.Condition
	function.Raw
}

// DeleteRequest identifies the document to delete.
type DeleteRequest struct {
	Request
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of the document to delete"`
}

var (
	errTaken    = fault.New(fault.Conflict, "This data set has another document with this identifier: choose another one, or replace the document (PUT /v1/datasets/{id}/documents/{document})")
	errReserved = fault.At("query.id", "the schema of the documents has this path: choose another identifier")
)

// Insert inserts a document.
func (f *Function) Insert(ctx context.Context, in *InsertRequest) (*Response, error) {
	content, err := parse(in.Raw)
	if err != nil {
		return nil, err
	}
	if in.Document == "schema" {
		return nil, errReserved
	}
	if in.Document == "" {
		in.Document = uuid.NewString()
	}
	return f.apply(ctx, document.Change{
		Dataset: in.ID, ID: in.Document, Action: "datasets:insert_document",
		Make: func(now map[string]any) (map[string]any, error) {
			switch {
			case now == nil:
				return content, nil
			case document.Same(now, content):
				return nil, document.ErrUnchanged
			}
			return nil, errTaken
		},
	})
}

// Put inserts or replaces a document.
func (f *Function) Put(ctx context.Context, in *WriteRequest) (*Response, error) {
	content, err := parse(in.Raw)
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, document.Change{
		Dataset: in.ID, ID: in.Document, Action: "datasets:put_document", Condition: in.Condition,
		Make: func(now map[string]any) (map[string]any, error) {
			if now != nil && document.Same(now, content) {
				return nil, document.ErrUnchanged
			}
			return content, nil
		},
	})
}

// Patch changes members of a document.
func (f *Function) Patch(ctx context.Context, in *WriteRequest) (*Response, error) {
	patch, err := parse(in.Raw)
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, document.Change{
		Dataset: in.ID, ID: in.Document, Action: "datasets:patch_document", Condition: in.Condition,
		Make: func(now map[string]any) (map[string]any, error) {
			if now == nil {
				return nil, document.ErrNotFound
			}
			patched := document.Patch(now, patch)
			if document.Same(now, patched) {
				return nil, document.ErrUnchanged
			}
			return patched, nil
		},
	})
}

// Delete deletes a document.
func (f *Function) Delete(ctx context.Context, in *DeleteRequest) (*struct{}, error) {
	_, err := f.apply(ctx, document.Change{
		Dataset: in.ID, ID: in.Document, Action: "datasets:delete_document", Condition: dataset.Condition{IfMatch: in.IfMatch},
		Make: func(now map[string]any) (map[string]any, error) {
			if now == nil {
				return nil, document.ErrNotFound
			}
			return nil, nil
		},
	})
	return nil, err
}

func parse(raw function.Raw) (map[string]any, error) {
	text, err := raw.Bytes()
	if err != nil {
		return nil, err
	}
	return document.Parse(text)
}

func (f *Function) apply(ctx context.Context, change document.Change) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	after, created, err := f.store.Apply(ctx, caller, change)
	if err != nil {
		return nil, err
	}
	out := &Response{Status: http.StatusOK, ETag: after.ETag, Body: after}
	if created {
		out.Status, out.Location = http.StatusCreated, "/v1/datasets/"+change.Dataset.String()+"/documents/"+change.ID
	}
	return out, nil
}
