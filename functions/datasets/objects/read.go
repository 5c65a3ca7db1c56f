package objects

import (
	"context"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/stored"
	"function/functions/datasets/internal/transfer"
	"function/shared/access"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
)

// ListRequest selects one page.
type ListRequest struct {
	Dataset
	Prefix string `query:"prefix" maxLength:"512" example:"photos/" doc:"Only objects whose names begin with it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of objects"`
	Cursor string `query:"cursor" maxLength:"700" doc:"next_cursor of the previous page, with the same prefix"`
}

// ListResponse is one page of objects.
type ListResponse struct {
	Body struct {
		Items      []Object `json:"items" nullable:"false"`
		NextCursor string   `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last page"`
	}
}

// No name that begins with the prefix follows the prefix with 128 times the highest character.
const selectPage = selectRows + ` AND o.name > @after AND o.name >= @prefix AND o.name <= @prefix || repeat(chr(1114111), 128) AND starts_with(o.name, @prefix)
ORDER BY o.name LIMIT @limit`

// List shows objects by name.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	if err := f.visible(ctx, in.Dataset); err != nil {
		return nil, err
	}
	if !printable(in.Prefix) {
		return nil, fault.At("query.prefix", "no name has these characters")
	}
	after, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil || !printable(string(after)) {
		return nil, fault.At("query.cursor", "this is not a cursor of this list: start without one, or use next_cursor of the previous page")
	}
	rows, _ := f.db.Query(ctx, selectPage, pgx.NamedArgs{"dataset": in.ID, "prefix": in.Prefix, "after": string(after), "limit": in.Limit + 1})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	out := &ListResponse{}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(found[in.Limit-1].Name))
	}
	out.Body.Items = make([]Object, len(found))
	for i, r := range found {
		out.Body.Items[i] = r.shown()
	}
	return out, nil
}

// Show shows what is known about an object.
func (f *Function) Show(ctx context.Context, in *Request) (*Response, error) {
	r, err := f.find(ctx, in)
	if err != nil {
		return nil, err
	}
	return shown(r), nil
}

// GetRequest identifies the object to download.
type GetRequest struct {
	Request
	IfNoneMatch string `header:"If-None-Match"`
}

// GetResponse writes the object.
type GetResponse struct{ Body func(huma.Context) }

// Get opens the object before it starts the response, so that a failure is reported as a problem and
// not as a truncated file.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*GetResponse, error) {
	r, err := f.find(ctx, &in.Request)
	if err != nil {
		return nil, err
	}
	bucket, err := f.area.Bucket(ctx, r.StorageType)
	if err != nil {
		return nil, err
	}
	content, err := stored.Open(ctx, bucket, f.keys, []stored.Part{{ObjectName: r.ObjectName, SizeBytes: r.SizeBytes, WrappedKey: r.WrappedKey}})
	if err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	if err := audit.Record(ctx, f.db, audit.Entry{Action: "datasets:get_object", ResourceID: in.ID.String(), Detail: map[string]any{"object": in.Name}}); err != nil {
		content.Close()
		return nil, err
	}
	return &GetResponse{Body: func(hctx huma.Context) {
		defer content.Close()
		request, w := humago.Unwrap(hctx)
		r.describe(w.Header())
		// Without a time: two changes in one second would have the same.
		transfer.ServeFile(w, request, time.Time{}, content)
	}}, nil
}

// inline lists the types that no browser runs scripts from. Their names are those that are detected.
var inline = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "audio/mpeg", "audio/wave", "video/mp4", "video/webm"}

// describe sets headers by which no browser runs what somebody has stored.
func (r row) describe(header http.Header) {
	disposition := "attachment"
	if r.ContentType == r.DetectedType && slices.Contains(inline, r.ContentType) {
		disposition = "inline"
	}
	header.Set("Content-Type", r.ContentType)
	header.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(r.Name)}))
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", r.etag())
}

// visible refuses a data set that the caller's organization does not have, or of another kind.
func (f *Function) visible(ctx context.Context, in Dataset) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return dataset.Readable(ctx, f.db, dataset.Objects, in.ID, access.Of(caller))
}

func (f *Function) find(ctx context.Context, in *Request) (row, error) {
	if err := checkName(in.Name); err != nil {
		return row{}, err
	}
	if err := f.visible(ctx, in.Dataset); err != nil {
		return row{}, err
	}
	return database.One[row](ctx, f.db, errNotFound, selectRow, pgx.NamedArgs{"dataset": in.ID, "name": in.Name})
}
