package status

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
)

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// DatasetStatus is the status of a data set's newest version.
type DatasetStatus struct {
	ID            uuid.UUID           `json:"id" format:"uuid"`
	Status        string              `json:"status" enum:"draft,processing,ready,failed,blocked"`
	Version       int                 `json:"version" doc:"Number of the newest version, 0 before the first upload"`
	ReadyVersion  *int                `json:"ready_version,omitempty" doc:"The version that queries read"`
	Progress      *profiling.Progress `json:"progress,omitempty" doc:"Absent unless the version is being processed right now"`
	Attempt       *int                `json:"attempt,omitempty" doc:"While processing: the number of attempts so far, 0 before the first"`
	Attempts      *int                `json:"attempts,omitempty" doc:"While processing: the number of attempts after which the version fails"`
	NextAttemptAt *time.Time          `json:"next_attempt_at,omitempty" doc:"After a temporary failure: when the next attempt is due"`
	Failure       *string             `json:"failure,omitempty" doc:"Why the version failed"`
}

// GetResponse is the status of one data set.
type GetResponse struct{ Body DatasetStatus }

const selectStatus = `
SELECT d.id, d.status, coalesce(v.version, 0) AS version, d.ready_version, ` + profiling.SelectProgress + `,
       j.attempt, j.max_attempts AS attempts, CASE j.state WHEN 'retryable' THEN j.due_at END AS next_attempt_at, v.failure
FROM datasets d
LEFT JOIN LATERAL (` + dataset.Newest + `) v ON true
LEFT JOIN jobs j ON j.kind = '` + profiling.Kind + `' AND j.key = d.id || '/' || v.version AND j.finished_at IS NULL
WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL`

// Get returns the status of one data set.
func (f *Function) Get(ctx context.Context, in *Request) (*GetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	status, err := database.One[DatasetStatus](ctx, f.db, dataset.ErrNotFound, selectStatus, in.ID, access.Of(caller))
	if err != nil {
		return nil, err
	}
	return &GetResponse{Body: status}, nil
}
