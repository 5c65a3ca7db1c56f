// Package retention disposes of what the compliance domain's policies no longer keep. A
// domain declares one function for each resource that it holds, and says only how a part
// of what is due is destroyed:
//
//	var Service = retention.Dispose("users-dispose-sessions", "sessions", database.Users, New)
//
// The function keeps what the policies are in the domain's own database, and disposes
// when the nightly sweep asks for it.
package retention

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Work is how a domain disposes of one resource.
type Work struct {
	// Step destroys a bounded part of what is due, that which has been over for longest
	// first, and counts it by organization. It is called until it counts nothing, each
	// time in a transaction of its own, which is undone when it fails.
	Step func(context.Context, *outbox.Tx, Due) ([]Count, error)
	// Before, if there is one, runs before the first step of each sweep.
	Before func(context.Context) error
}

// Count is one organization's share of a step. A step's SQL returns rows of it.
type Count struct {
	OrganizationID uuid.UUID
	Items          int64
	Bytes          int64
	Oldest, Newest time.Time // when the items were over
}

// Due says what a step may dispose of.
type Due struct {
	resource string
	at       time.Time
	latest   time.Time // what was over after it is kept by every policy
	from     time.Time // the steps before have disposed of all that was over before it
	keepDays int       // by default
}

// Args are the arguments of a step's SQL, which disposes of rows that were over
//
//	WHERE over >= @from AND over < @latest
//	  AND over < @at::timestamptz - coalesce(own.keep_days, @keep_days) * interval '24 hours'
//
// of t LEFT JOIN retention_periods own ON own.resource = @resource AND own.organization_id = t.organization_id,
// ordered by over. @from and @latest only narrow it to what an index finds.
func (d Due) Args() pgx.NamedArgs {
	return pgx.NamedArgs{"resource": d.resource, "at": d.at, "latest": d.latest, "from": d.from, "keep_days": d.keepDays}
}

// Statement is the work of one SQL statement, of [Due.Args], that returns a [Count] for
// each organization.
func Statement(sql string) Work {
	return Work{Step: func(ctx context.Context, tx *outbox.Tx, due Due) ([]Count, error) {
		rows, _ := tx.Query(ctx, sql, due.Args())
		return pgx.CollectRows(rows, pgx.RowToStructByName[Count])
	}}
}

// Dispose declares the function that disposes of a resource in a database.
func Dispose(name, resource string, in database.Name, open func(context.Context, *function.Env) (Work, error)) function.Declaration {
	construct := func(ctx context.Context, env *function.Env) (*disposer, error) {
		db, err := env.Database(ctx, in)
		if err != nil {
			return nil, err
		}
		work, err := open(ctx, env)
		return &disposer{resource: resource, db: db, Work: work}, err
	}
	return function.Service(name, construct, function.OnEvent((*disposer).learn), function.OnEvent((*disposer).dispose)).
		Uses(function.Owns(in))
}

type disposer struct {
	resource string
	db       *outbox.DB
	Work
}
