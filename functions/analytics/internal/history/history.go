// Package history records the queries that people run, and lets them be cancelled from any process.
package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"function/functions/analytics/internal/query"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/resultset"
)

// A running query looks for its cancellation every watchInterval, and says that it still runs every seenInterval. One that has said
// nothing for Lost has ended with its process.
const (
	watchInterval = 300 * time.Millisecond
	seenInterval  = 10 * time.Second
	Lost          = time.Minute
)

// cancelled is the status of a query that did not end by itself. The others are outcomes (package query).
const cancelled = "cancelled"

var (
	errCancelled = fault.New(fault.Conflict, "The query was cancelled")
	errTaken     = fault.New(fault.Conflict, "There is a query with this query_id: give each query another one, or none")
)

const (
	insertQuery = `INSERT INTO queries (id, organization_id, user_id, database, sql) VALUES ($1, $2, $3, $4, $5)`
	selectState = `SELECT cancelled_by IS NOT NULL FROM queries WHERE id = $1`
	updateSeen  = `UPDATE queries SET seen_at = clock_timestamp() WHERE id = $1`
	updateEnded = `
UPDATE queries SET status = $2, ended_at = clock_timestamp(), row_count = $3, truncated = $4, failure = $5, dataset_ids = $6
WHERE id = $1 AND status = 'running'`
)

// Run is a query that runs.
type Run struct {
	ID uuid.UUID

	db      *outbox.DB
	request context.Context // ends when the client leaves
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// Begin records a query. The returned context ends when the query is cancelled. The caller calls End.
func Begin(ctx context.Context, db *outbox.DB, caller auth.Caller, id uuid.UUID, q query.Query) (context.Context, *Run, error) {
	_, err := db.Exec(ctx, insertQuery, id, caller.OrganizationID, caller.UserID, q.Database, q.SQL)
	if database.Violates(err, "queries_pkey") {
		return nil, nil, errTaken
	}
	if err != nil {
		return nil, nil, fmt.Errorf("record query: %w", err)
	}
	r := &Run{ID: id, db: db, request: ctx}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	go r.watch()
	return r.ctx, r, nil
}

// watch cancels the query when somebody asks for it.
func (r *Run) watch() {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for said := time.Now(); ; {
		select {
		case <-r.ctx.Done():
			return
		case now := <-ticker.C:
			var asked bool
			err := r.db.QueryRow(r.ctx, selectState, r.ID).Scan(&asked)
			if err == nil && asked {
				r.cancel(errCancelled)
				return
			}
			if err == nil && now.Sub(said) >= seenInterval {
				_, err = r.db.Exec(r.ctx, updateSeen, r.ID)
				said = now
			}
			if err != nil && r.ctx.Err() == nil {
				slog.WarnContext(r.ctx, "cancellation of the query not checked", "error", err)
			}
		}
	}
}

// Stop ends the watch for cancellation, and returns the error of the query for its caller: one that was cancelled says so.
func (r *Run) Stop(err error) error {
	if err != nil && errors.Is(context.Cause(r.ctx), errCancelled) {
		err = errCancelled
	}
	r.cancel(nil)
	return err
}

// End records how the query ended.
func (r *Run) End(ctx context.Context, w database.Writer, set *resultset.Set, read []uuid.UUID, err error) error {
	status := query.Outcome(err)
	var failure *string
	var rows *int
	var truncated *bool
	refused, isRefused := query.Refused(err)
	switch {
	case errors.Is(err, errCancelled):
		status = cancelled
	case isRefused:
		failure = &refused.Detail
	case err == nil:
		rows, truncated = new(len(set.Rows)), &set.Truncated
	case r.request.Err() != nil:
		status, failure = cancelled, new("The client closed the connection.")
	default:
		failure = new("The database failed. Run the query again.")
	}
	if read == nil {
		read = []uuid.UUID{}
	}
	if err := w.Write(ctx, updateEnded, r.ID, status, rows, truncated, failure, read); err != nil {
		return fmt.Errorf("record end of query: %w", err)
	}
	return nil
}
