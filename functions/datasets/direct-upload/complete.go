package directupload

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/events"
	"function/shared/job"
	"function/shared/outbox"
)

// CompleteRequest identifies an upload whose file the client has put.
type CompleteRequest struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	Upload uuid.UUID `path:"upload" format:"uuid"`
}

// CompleteResponse identifies an upload that is being sealed, or its version.
type CompleteResponse struct {
	Location string `header:"Location"`
	Body     struct {
		Reference
		Version *int `json:"version,omitempty" doc:"The version that the file has become, if the upload was completed before"`
	}
}

// Complete requests that a file is sealed.
func (f *Function) Complete(ctx context.Context, in *CompleteRequest) (*CompleteResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	u, err := f.store.Find(ctx, caller, in.Upload)
	if err != nil {
		return nil, err
	}
	if u.DatasetID != in.ID || u.Kind != resumable.Direct {
		return nil, resumable.ErrNotFound
	}
	if u.Version == nil {
		if err := f.request(ctx, u); err != nil {
			return nil, err
		}
	}
	out := &CompleteResponse{}
	out.Body.Reference, out.Body.Version = Reference{u.ID, u.DatasetID}, u.Version
	out.Location = out.Body.location()
	return out, nil
}

// request starts the job that seals a file, unless it was started before.
func (f *Function) request(ctx context.Context, u *resumable.Upload) error {
	if err := u.Usable(); err != nil {
		return err
	}
	if err := f.store.CheckPut(ctx, u); err != nil {
		return err
	}
	entry := audit.Entry{Action: "datasets:complete_upload", ResourceID: u.DatasetID.String(), Detail: map[string]any{"upload": u.ID}}
	err := act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := f.store.Prolong(ctx, tx, u); err != nil {
			return err
		}
		return enqueue(ctx, tx, u)
	})
	if err != nil && !errors.Is(err, job.ErrExists) {
		return fmt.Errorf("complete direct upload: %w", err)
	}
	return nil
}

func spec(upload uuid.UUID) job.Spec { return job.Spec{Kind: kind, Key: upload.String()} }

func enqueue(ctx context.Context, tx *outbox.Tx, u *resumable.Upload) error {
	return job.Enqueue(ctx, tx, spec(u.ID), events.SealRequested{UploadID: u.ID, DatasetID: u.DatasetID, OrganizationID: u.OrganizationID})
}
