package status

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/auth"
	"function/shared/database"
)

// Request names a data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// One is how far a data set's newest version is.
type One struct {
	ID            uuid.UUID           `json:"id" format:"uuid"`
	Status        string              `json:"status" enum:"draft,processing,ready,failed"`
	Version       int                 `json:"version" doc:"Number of the newest version, 0 before the first upload"`
	ReadyVersion  *int                `json:"ready_version,omitempty" doc:"The version that queries read"`
	Progress      *profiling.Progress `json:"progress,omitempty" doc:"Absent unless the version is being processed right now"`
	Attempt       *int                `json:"attempt,omitempty" doc:"While processing: how often it has been tried, 0 before the first time"`
	Attempts      *int                `json:"attempts,omitempty" doc:"While processing: after how many the version fails"`
	NextAttemptAt *time.Time          `json:"next_attempt_at,omitempty" doc:"After an attempt that failed for a reason that may pass: when the next is due"`
	Failure       *string             `json:"failure,omitempty" doc:"Why the version failed"`
}

// OneResponse is the state of one data set.
type OneResponse struct{ Body One }

const selectOne = `
SELECT d.id, d.status, d.newest_version AS version, d.ready_version, ` + profiling.SelectProgress + `,
       j.attempt, j.max_attempts AS attempts, CASE j.state WHEN 'retryable' THEN j.due_at END AS next_attempt_at, v.failure
FROM datasets d
LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.newest_version
LEFT JOIN jobs j ON j.kind = '` + profiling.Kind + `' AND j.key = d.id || '/' || v.version AND j.finished_at IS NULL
WHERE d.id = $1 AND d.organization_id = $2 AND d.deleted_at IS NULL`

// One reads the state of one data set.
func (f *Function) One(ctx context.Context, in *Request) (*OneResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	one, err := database.One[One](ctx, f.db, dataset.ErrNotFound, selectOne, in.ID, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	return &OneResponse{Body: one}, nil
}
