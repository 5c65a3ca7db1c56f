package directupload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/staging"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/objects"
	"function/shared/outbox"
)

// maxSize is the maximum size of one PUT: Azure takes 5,000 MiB and S3 takes 5 GiB.
const maxSize = 5000 << 20

// StartRequest is the file to put.
type StartRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name string `json:"name,omitempty" maxLength:"255" pattern:"^[^\\x00]*$" doc:"Name of the file" example:"weather.csv"`
		Type string `json:"type,omitempty" maxLength:"255" pattern:"^[^\\x00]*$" doc:"Media type of the file. Whatever is absent is detected" example:"text/csv"`
		Size int64  `json:"size" minimum:"1" maximum:"1125899906842624" doc:"Size of the file in bytes" example:"1048576"`
		resumable.Options
	}
}

// StartResponse says where to put the file.
type StartResponse struct {
	Location string `header:"Location"`
	Body     struct {
		Reference
		Method     string            `json:"method" enum:"PUT"`
		URL        string            `json:"url" doc:"Where to put the file. Whoever has this URL can do so"`
		Headers    map[string]string `json:"headers" doc:"The header fields that the request must have"`
		ExpiresAt  time.Time         `json:"expires_at" doc:"Until when the request must begin"`
		CompleteBy time.Time         `json:"complete_by" doc:"Until when the upload must be completed"`
	}
}

// Start starts a direct upload.
func (f *Function) Start(ctx context.Context, in *StartRequest) (*StartResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	u := &resumable.Upload{OrganizationID: caller.OrganizationID, CreatedBy: caller.UserID, DatasetID: in.ID, Kind: resumable.Direct, Length: &in.Body.Size}
	if u.Target, err = in.Body.Target(); err != nil {
		return nil, err
	}
	u.Target.FileName, u.Target.FileType = in.Body.Name, in.Body.Type
	if err := f.store.Check(ctx, access.Of(caller), u); err != nil {
		return nil, err
	}
	put, err := f.sign(ctx, u)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:create_upload", ResourceID: in.ID.String()}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := f.store.Create(ctx, tx, u); err != nil {
			return err
		}
		entry.Detail = map[string]any{"upload": u.ID, "kind": u.Kind}
		return f.store.Area.AllowPut(ctx, tx, u.StorageType, u.ID, put)
	})
	if err != nil {
		return nil, fmt.Errorf("start direct upload: %w", err)
	}
	return respond(u, put), nil
}

func (f *Function) sign(ctx context.Context, u *resumable.Upload) (staging.Put, error) {
	switch {
	case !f.allowed:
		return staging.Put{}, fault.New(fault.Conflict, "This deployment does not allow uploads by signed URL: use resumable uploads (POST /v1/uploads)")
	case *u.Length > maxSize:
		return staging.Put{}, fault.New(fault.TooLarge, "An upload by signed URL has at most %d bytes: use resumable uploads (POST /v1/uploads)", maxSize)
	}
	put, err := f.store.Area.SignPut(ctx, u.StorageType, u.OrganizationID, *u.Length)
	if errors.Is(err, objects.ErrCannotSign) {
		return put, fault.New(fault.Conflict, "The storage of this data set (%s) cannot sign URLs: use resumable uploads (POST /v1/uploads)", u.StorageType).Because(err)
	}
	return put, err
}

func respond(u *resumable.Upload, put staging.Put) *StartResponse {
	out := &StartResponse{}
	out.Body.Reference = Reference{u.ID, u.DatasetID}
	out.Location = out.Body.location()
	out.Body.Method, out.Body.URL, out.Body.Headers = http.MethodPut, put.URL, map[string]string{}
	for field, values := range put.Header {
		out.Body.Headers[field] = values[0]
	}
	out.Body.ExpiresAt, out.Body.CompleteBy = put.Expires, u.ExpiresAt
	return out
}
