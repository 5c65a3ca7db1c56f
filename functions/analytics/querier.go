package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/resultset"
	"function/shared/secret"
)

// What one query may answer.
const (
	maxRows  = 10_000
	maxBytes = 16 << 20 // of JSON
)

// How many queries run, and wait, at once in one process. A query over data sets
// may use 256 MB and every processor; one over projections a connection.
const (
	datasetQueries    = 2
	projectionQueries = 3
	waitingQueries    = 16
)

// Querier runs the SQL of organizations.
type Querier struct {
	env     *function.Env // opens storage at first use
	catalog *pgxpool.Pool
	reader  *pgxpool.Pool
	keeper  *secret.Keeper
	copies  *copies

	datasets, projections bulkhead
}

// NewQuerier opens what queries read.
func NewQuerier(ctx context.Context, env *function.Env) (*Querier, error) {
	catalog, err := env.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := env.Reader(ctx)
	if err != nil {
		return nil, err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return nil, err
	}
	copies, err := newCopies(env.Config.Scratch, maxCopies)
	if err != nil {
		return nil, err
	}
	env.OnClose(copies.close)
	return &Querier{
		env: env, catalog: catalog, reader: reader, keeper: keeper, copies: copies,
		datasets: newBulkhead(datasetQueries, waitingQueries), projections: newBulkhead(projectionQueries, waitingQueries),
	}, nil
}

// rowQuerier is a pool or a transaction of the domain's own database.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Run runs a query as an organization and answers at most 10,000 rows and 16 MiB.
// What is wrong with the query is a fault.Error with a place in body.query; every
// other error may be gone when the query is tried again. db is the domain's own
// database.
func (q *Querier) Run(ctx context.Context, db rowQuerier, organization uuid.UUID, query Query) (*resultset.Set, error) {
	if err := query.Check(); err != nil {
		return nil, err
	}
	places, run := q.datasets, q.overDatasets
	if query.Database == PostgreSQL {
		places = q.projections
		run = func(ctx context.Context, organization uuid.UUID, query Query) (*resultset.Set, error) {
			return q.overProjections(ctx, db, organization, query)
		}
	}
	leave, err := places.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return run(ctx, organization, query)
}

// wrong is a fault of the query, at a character of it (from 1; 0: not known).
func wrong(character int, format string, args ...any) *fault.Error {
	f := fault.At("body.query", format, args...)
	if character > 0 {
		f.Places[0].Message = fmt.Sprintf("at character %d: %s", character, f.Detail)
	}
	return f
}

// Refused tells whether a query's error is the query's own fault, which trying
// again does not mend.
func Refused(err error) (*fault.Error, bool) {
	f, ok := fault.As(err)
	return f, ok && f.Kind != fault.Unavailable && f.Kind != fault.Internal
}

// Count counts a query by how it ended.
func Count(ctx context.Context, tx database.Writer, query Query, err error) error {
	return metrics.Add(ctx, tx, "analytics_queries_total", metrics.Labels{"database": query.Database, "outcome": Outcome(err)}, 1)
}

// Outcome is how a query ended, in a word.
func Outcome(err error) string {
	if _, refused := Refused(err); refused {
		return "refused"
	} else if err != nil {
		return "failed"
	}
	return "succeeded"
}
