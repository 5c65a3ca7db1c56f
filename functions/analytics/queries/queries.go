// Package queries shows the history of a person's queries, and cancels those that run: everything under /v1/analytics/queries. Every hour
// it deletes queries that are older than 90 days.
package queries

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/history"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/analytics/queries"

// Service declares the function.
var Service = function.Service("analytics-queries", New,
	function.On(function.Get("analytics-list-queries", path, "List your queries", policy.AnalyticsQuery).
		Describe("Those of the last 90 days, also the ones that run."), (*Function).List),
	function.On(function.Get("analytics-get-query", path+"/{id}", "Show one of your queries", policy.AnalyticsQuery), (*Function).Get),
	function.On(function.Delete("analytics-cancel-query", path+"/{id}", "Cancel a query that runs", policy.AnalyticsQuery).Status(http.StatusAccepted).Fails(fault.Conflict).
		Describe("The database stops within a second, and the request that runs the query fails with 409. The query stays in the history."), (*Function).Cancel),
	function.OnEvent((*Function).Erased),
	function.OnSchedule(function.Schedule{Cron: "41 * * * *"}, (*Function).Tidy),
).Uses(function.Owns(database.Analytics))

// Query is a query of the history.
type Query struct {
	ID         uuid.UUID   `json:"id" format:"uuid"`
	Database   string      `json:"database"`
	SQL        string      `json:"query" db:"sql"`
	Status     string      `json:"status" enum:"running,succeeded,refused,failed,cancelled" doc:"refused: the query itself is wrong, or exceeds a limit"`
	StartedAt  time.Time   `json:"started_at"`
	EndedAt    *time.Time  `json:"ended_at,omitempty"`
	ElapsedMS  *int64      `json:"elapsed_ms,omitempty" db:"elapsed_ms" doc:"Milliseconds from start to end"`
	RowCount   *int64      `json:"row_count,omitempty" doc:"Of the result"`
	Truncated  *bool       `json:"truncated,omitempty" doc:"Whether the query had more rows than a result has"`
	Failure    *string     `json:"failure,omitempty" doc:"Why it was refused or failed"`
	DatasetIDs []uuid.UUID `json:"dataset_ids" nullable:"false" doc:"Data sets that it read"`
}

// ListRequest selects one page.
type ListRequest struct {
	Status   string `query:"status" enum:"running,succeeded,refused,failed,cancelled" doc:"Only queries with this status"`
	Database string `query:"database" maxLength:"50" doc:"Only queries of this database"`
	page.Query
}

// ListResponse is one page of queries.
type ListResponse struct{ Body page.Page[Query] }

// Request identifies a query.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is the query.
type Response struct{ Body Query }

// Function shows and cancels queries.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const (
	// A running query that has not been seen for a while has failed: its process has ended.
	selectQueries = `
SELECT id, database, sql, status, started_at, ended_at, (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS elapsed_ms,
       row_count, truncated, failure, dataset_ids
FROM (SELECT id, database, sql, started_at, row_count, truncated, dataset_ids,
             CASE WHEN lost THEN 'failed' ELSE status END AS status, CASE WHEN lost THEN seen_at ELSE ended_at END AS ended_at,
             CASE WHEN lost THEN 'The process that ran the query has ended. Run it again.' ELSE failure END AS failure
      FROM (SELECT *, status = 'running' AND seen_at < now() - @lost::interval AS lost FROM queries WHERE organization_id = @organization AND user_id = @user) q) q
WHERE `
	selectPage = selectQueries + `(@status = '' OR status = @status) AND (@database = '' OR database = @database) AND id < @before ORDER BY id DESC LIMIT @limit`
	selectOne  = selectQueries + `id = @id`
	cancel     = `
UPDATE queries SET cancelled_by = $3 WHERE id = $1 AND organization_id = $2 AND user_id = $3 AND status = 'running' AND seen_at > now() - $4::interval`
	deleteOfPerson = `DELETE FROM queries WHERE user_id = $1`
	deleteOld      = `
WITH deleted AS (
    DELETE FROM queries WHERE id = ANY (ARRAY (SELECT id FROM queries WHERE started_at < now() - interval '90 days' LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING 1
) SELECT count(*) FROM deleted`
)

var errNoQuery = fault.New(fault.NotFound, "You have no query with this identifier in the last 90 days")

func arguments(caller auth.Caller, more pgx.NamedArgs) pgx.NamedArgs {
	more["organization"], more["user"], more["lost"] = caller.OrganizationID, caller.UserID, history.Lost
	return more
}

// List lists the caller's queries.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.db, in.Query, func(q Query) uuid.UUID { return q.ID }, selectPage,
		arguments(caller, pgx.NamedArgs{"status": in.Status, "database": in.Database}))
	return &ListResponse{Body: found}, err
}

// Get shows one of the caller's queries.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	q, err := database.One[Query](ctx, f.db, errNoQuery, selectOne, arguments(caller, pgx.NamedArgs{"id": in.ID}))
	return &Response{Body: q}, err
}

// Cancel asks the process that runs a query to stop it.
func (f *Function) Cancel(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	q, err := f.Get(ctx, in)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "analytics:cancel_query", ResourceID: in.ID.String()}
	return nil, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		cancelled, err := tx.Exec(ctx, cancel, in.ID, caller.OrganizationID, caller.UserID, history.Lost)
		if err != nil {
			return fmt.Errorf("cancel query: %w", err)
		}
		if cancelled.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "The query has ended already: it has %s", q.Body.Status)
		}
		return nil
	})
}

// Erased deletes the queries of a person, whose text may contain personal data.
func (f *Function) Erased(ctx context.Context, e events.Received[events.UserErased]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error { return tx.Write(ctx, deleteOfPerson, e.Data.UserID) })
}

// Tidy deletes old queries.
func (f *Function) Tidy(ctx context.Context) error {
	for {
		deleted, err := database.One[struct{ Count int64 }](ctx, f.db, pgx.ErrNoRows, deleteOld)
		if err != nil {
			return fmt.Errorf("delete old queries: %w", err)
		}
		if deleted.Count == 0 {
			return nil
		}
	}
}
