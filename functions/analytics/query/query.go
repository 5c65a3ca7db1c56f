// Package query runs a user's SQL and returns the rows: POST /v1/analytics/query.
package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"function/functions/analytics/internal/databases"
	"function/functions/analytics/internal/history"
	"function/functions/analytics/internal/query"
	"function/shared/access"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/resultset"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("analytics-query", "/v1/analytics/query", "Run a query", policy.AnalyticsQuery).
	Fails(fault.Conflict, fault.Unavailable).
	Describe("Runs one SELECT on the data of your organization. A result has at most 10,000 rows and 16 MiB; truncated is true if there are more rows. A single row larger than that is refused. "+
		"Whole numbers of any SQL type from −9007199254740991 to 9007199254740991 (±(2^53−1), RFC 7493) are JSON numbers, including inside lists, structs and maps; larger ones are strings of their digits, and so are decimals with a fraction (\"7.00\"). "+
		"DOUBLE and FLOAT are numbers; dates and times are strings in ISO 8601; infinity is \"infinity\" or \"Infinity\". JSON values are returned as they were written."), New).
	Uses(function.Owns(database.Analytics), function.Keys, function.Objects, function.Catalog, function.Projections)

// Request is the query.
type Request struct {
	Body struct {
		query.Query
		QueryID *uuid.UUID `json:"query_id,omitempty" format:"uuid" doc:"A new identifier, by which the query can be cancelled while it runs (DELETE /v1/analytics/queries/{id}). If absent, the query gets one"`
	}
}

// Response is the result.
type Response struct {
	Body struct {
		QueryID uuid.UUID `json:"query_id" format:"uuid" doc:"Of the query in the history, GET /v1/analytics/queries"`
		resultset.Set
		RowCount  int   `json:"row_count"`
		ElapsedMS int64 `json:"elapsed_ms" doc:"Milliseconds that the query took"`
	}
}

// Function runs queries.
type Function struct {
	db        *outbox.DB
	databases query.Databases
}

// New connects the function to its database and to the databases that queries use.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	if err != nil {
		return nil, err
	}
	stores, err := databases.Open(ctx, env)
	return &Function{db: db, databases: stores}, err
}

// Handle runs the query as the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.Body.Check(); err != nil {
		return nil, err
	}
	id := uuid7.New()
	if in.Body.QueryID != nil {
		id = *in.Body.QueryID
	}
	running, run, err := history.Begin(ctx, f.db, caller, id, in.Body.Query)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	read := events.DatasetsRead{UserID: caller.UserID, OrganizationID: caller.OrganizationID}
	in.Body.OnRead = func(datasets []uuid.UUID) { read.DatasetIDs = datasets }
	set, err := f.databases.Run(running, access.Of(caller), in.Body.Query)
	elapsed := time.Since(began)
	err = run.Stop(err)
	f.record(ctx, in.Body.Query, run, set, read, err)
	if auditing := f.audit(ctx, in.Body.Query, err); err == nil {
		err = auditing // no result without an audit entry
	}
	if err != nil {
		return nil, err
	}
	var out Response
	out.Body.QueryID, out.Body.Set, out.Body.RowCount, out.Body.ElapsedMS = id, *set, len(set.Rows), elapsed.Milliseconds()
	return &out, nil
}

// audit records the query by its hash, because its text may contain personal data.
func (f *Function) audit(ctx context.Context, q query.Query, outcome error) error {
	hash := sha256.Sum256([]byte(q.SQL))
	return audit.Record(context.WithoutCancel(ctx), f.db, audit.Entry{Action: "analytics:query", Detail: map[string]any{
		"database": q.Database, "sql_sha256": hex.EncodeToString(hash[:]), "outcome": query.Outcome(outcome),
	}})
}

// record counts the query, records its end, and reports what it has read. It only logs a failure, so that the caller still gets the
// result.
func (f *Function) record(ctx context.Context, q query.Query, run *history.Run, set *resultset.Set, read events.DatasetsRead, outcome error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := run.End(ctx, tx, set, read.DatasetIDs, outcome); err != nil {
			return err
		}
		if err := query.Count(ctx, tx, q, outcome); err != nil || outcome != nil || len(read.DatasetIDs) == 0 {
			return err
		}
		return tx.Publish(ctx, read)
	})
	if err != nil {
		slog.WarnContext(ctx, "query not recorded", "error", err)
	}
}
