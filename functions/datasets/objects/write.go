package objects

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/transfer"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
)

// PutRequest is an object. Put reads the body as it arrives.
type PutRequest struct {
	Request
	dataset.Condition
	Metadata string `query:"metadata" maxLength:"65536" example:"{\"author\":\"Ada\"}" doc:"A JSON object of strings: at most 64, and 8 KiB in total"`

	http   *http.Request
	answer http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (r *PutRequest) Resolve(ctx huma.Context) []error {
	r.http, r.answer = humago.Unwrap(ctx)
	return nil
}

// MetadataRequest is metadata.
type MetadataRequest struct {
	Request
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of the object to change"`
	Body    struct {
		Metadata map[string]string `json:"metadata" nullable:"false" doc:"At most 64 entries, and 8 KiB in total"`
	}
}

// DeleteRequest identifies the object to delete.
type DeleteRequest struct {
	Request
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of the object to delete"`
}

// Put stores or replaces an object.
func (f *Function) Put(ctx context.Context, in *PutRequest) (*Response, error) {
	caller, err := in.caller(ctx)
	if err != nil {
		return nil, err
	}
	content, err := f.content(ctx, in, caller)
	if err != nil {
		entry := audit.Entry{Action: "datasets:put_object", ResourceID: in.ID.String(), Detail: map[string]any{"object": in.Name}}
		return nil, act.Refused(context.WithoutCancel(ctx), f.db, entry, err) // even if the client has disconnected
	}
	defer content.Discard(ctx)
	stored, created, err := f.apply(ctx, caller, change{
		Request: in.Request, action: "datasets:put_object", condition: in.Condition, content: &content,
		make: func(now *row) (*row, error) {
			if now != nil && now.same(content.row) {
				return nil, errUnchanged
			}
			return &content.row, nil
		},
	})
	if err != nil {
		return nil, err
	}
	out := shown(stored)
	if created {
		out.Status, out.Location = http.StatusCreated, "/v1/datasets/"+in.ID.String()+"/objects/"+url.PathEscape(in.Name)
	}
	return out, nil
}

const selectStorage = `SELECT kind, storage_type FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL`

// content checks what the request declares and receives its body.
func (f *Function) content(ctx context.Context, in *PutRequest, caller auth.Caller) (received, error) {
	d, err := database.One[struct{ Kind, StorageType string }](ctx, f.db, dataset.ErrNotFound, selectStorage, in.ID, access.Of(caller))
	if err != nil {
		return received{}, err
	}
	if err := dataset.CheckKind(d.Kind, dataset.Objects); err != nil {
		return received{}, err
	}
	if encoding := in.http.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return received{}, fault.New(fault.Unsupported, "Send the object without a Content-Encoding: none is supported")
	}
	metadata, err := parseMetadata(in.Metadata)
	if err != nil {
		return received{}, err
	}
	declared, err := parseType(in.http.Header.Get("Content-Type"))
	if err != nil {
		return received{}, err
	}
	if in.http.ContentLength > f.limit {
		return received{}, tooLarge(f.limit)
	}
	c := change{Request: in.Request, condition: in.Condition}
	if err := f.check(ctx, caller, c, in.http.ContentLength); err != nil {
		return received{}, err
	}
	content, err := f.receive(ctx, d.StorageType, caller.OrganizationID, transfer.IdleTimeoutReader(in.answer, in.http.Body))
	content.ContentType, content.Metadata = cmp.Or(declared, content.DetectedType), metadata
	return content, err
}

// PutMetadata replaces the metadata of an object.
func (f *Function) PutMetadata(ctx context.Context, in *MetadataRequest) (*Response, error) {
	caller, err := in.caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkMetadata("body.metadata", in.Body.Metadata); err != nil {
		return nil, err
	}
	stored, _, err := f.apply(ctx, caller, change{
		Request: in.Request, action: "datasets:put_object_metadata", condition: dataset.Condition{IfMatch: in.IfMatch},
		make: func(now *row) (*row, error) {
			if now == nil {
				return nil, errNotFound
			}
			next := *now
			if next.Metadata = in.Body.Metadata; next.same(*now) {
				return nil, errUnchanged
			}
			return &next, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return shown(stored), nil
}

// Delete deletes an object.
func (f *Function) Delete(ctx context.Context, in *DeleteRequest) (*struct{}, error) {
	caller, err := in.caller(ctx)
	if err != nil {
		return nil, err
	}
	_, _, err = f.apply(ctx, caller, change{
		Request: in.Request, action: "datasets:delete_object", condition: dataset.Condition{IfMatch: in.IfMatch},
		make: func(now *row) (*row, error) {
			if now == nil {
				return nil, errNotFound
			}
			return nil, nil
		},
	})
	return nil, err
}
