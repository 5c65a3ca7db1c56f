package uploads

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
)

// State is an upload as its creator sees it.
type State struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
	Kind      string    `json:"kind" enum:"whole,partial,final,import,direct"`
	Status    string    `json:"status" enum:"receiving,received,complete,failed,expired" doc:"received: a partial upload that has arrived; complete: it has become a version"`
	Offset    int64     `json:"offset" doc:"Bytes that have arrived"`
	Length    *int64    `json:"length,omitempty" doc:"Size of the file; absent if it is not known yet"`
	Version   *int      `json:"version,omitempty" doc:"The version that the file has become"`
	Failure   *string   `json:"failure,omitempty" doc:"Why the upload failed"`
	ExpiresAt time.Time `json:"expires_at" doc:"When an upload that is not complete expires"`
}

// StateResponse is an upload.
type StateResponse struct{ Body State }

// GetRequest identifies an upload.
type GetRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Get shows an upload.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*StateResponse, error) {
	u, err := f.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &StateResponse{State{
		ID: u.ID, DatasetID: u.DatasetID, Kind: u.Kind, Status: status(u), Offset: u.Received, Length: u.Length,
		Version: u.Version, Failure: u.Failure, ExpiresAt: u.ExpiresAt,
	}}, nil
}

func status(u *resumable.Upload) string {
	switch {
	case u.Version != nil:
		return "complete"
	case u.Failure != nil:
		return "failed"
	case u.Expired:
		return "expired"
	case u.Kind == resumable.Partial && u.IsComplete():
		return "received"
	}
	return "receiving"
}
