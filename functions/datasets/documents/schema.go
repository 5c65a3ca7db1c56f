package documents

import (
	"context"

	"function/functions/datasets/internal/document"
	"function/shared/auth"
	"function/shared/function"
)

// SchemaRequest is a schema.
type SchemaRequest struct {
	Dataset
	function.Raw
}

// SchemaResponse is a schema.
type SchemaResponse struct{ Body document.Content }

// CheckRequest is a schema to check stored documents against.
type CheckRequest struct {
	SchemaRequest
	Cursor string `query:"cursor" maxLength:"1000" doc:"next_cursor of the previous answer, with the same schema"`
}

// CheckResponse says which stored documents satisfy the schema.
type CheckResponse struct{ Body document.Conformity }

// Schema shows the schema.
func (f *Function) Schema(ctx context.Context, in *Dataset) (*SchemaResponse, error) {
	if err := f.visible(ctx, *in); err != nil {
		return nil, err
	}
	schema, err := f.store.Schema(ctx, in.ID)
	return &SchemaResponse{Body: schema}, err
}

// SetSchema sets the schema.
func (f *Function) SetSchema(ctx context.Context, in *SchemaRequest) (*struct{}, error) {
	text, err := in.Bytes()
	if err != nil {
		return nil, err
	}
	if err := document.CheckSchema(string(text)); err != nil {
		return nil, err
	}
	schema := string(text)
	return nil, f.setSchema(ctx, in.Dataset, &schema)
}

// DeleteSchema removes the schema.
func (f *Function) DeleteSchema(ctx context.Context, in *Dataset) (*struct{}, error) {
	return nil, f.setSchema(ctx, *in, nil)
}

func (f *Function) setSchema(ctx context.Context, in Dataset, schema *string) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return f.store.SetSchema(ctx, caller, in.ID, schema)
}

// CheckSchema checks the stored documents against a schema.
func (f *Function) CheckSchema(ctx context.Context, in *CheckRequest) (*CheckResponse, error) {
	if err := f.visible(ctx, in.Dataset); err != nil {
		return nil, err
	}
	text, err := in.Bytes()
	if err != nil {
		return nil, err
	}
	found, err := f.store.Conform(ctx, in.ID, string(text), in.Cursor)
	return &CheckResponse{Body: found}, err
}
