// Package retention deletes what the compliance domain's policies no longer keep. A domain declares
// one function per resource, and provides only the step that deletes a part of what is due:
//
//	var Service = retention.Dispose("users-dispose-sessions", "sessions", database.Users, New)
//
// The function stores the policies in the domain's own database and deletes when the nightly sweep
// requests it.
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

// Work defines how a domain deletes one resource.
type Work struct {
	// Step deletes a bounded part of what is due, the items that ended longest ago first, and
	// counts it by organization. It is called, each time in its own transaction, until it counts
	// nothing. An error rolls its transaction back.
	Step func(context.Context, *outbox.Tx, Due) ([]Count, error)
	// Mark, if set, runs before each Step, in a transaction of its own, which stays committed if the
	// step fails.
	Mark func(context.Context, *outbox.Tx, Due) error
	// Before, if set, runs before the first step of each sweep.
	Before func(context.Context) error
}

// Count is one organization's share of a step. The step's SQL returns such rows.
type Count struct {
	OrganizationID uuid.UUID
	Items          int64
	Bytes          int64
	Oldest, Newest time.Time // when the items ended
}

// Due describes what a step may delete.
type Due struct {
	resource string
	at       time.Time
	latest   time.Time // every policy keeps what ended after it
	from     time.Time // earlier steps have deleted everything that ended before it
	keepDays int       // the default
}

// Args returns the arguments of a step's SQL. With `over` as the time at which a row ended, the SQL
// deletes rows
//
//	WHERE over >= @from AND over < @latest
//	  AND over < @at::timestamptz - coalesce(own.keep_days, @keep_days) * interval '24 hours'
//
// of t LEFT JOIN retention_periods own ON own.resource = @resource AND own.organization_id =
// t.organization_id, ordered by over. @from and @latest only restrict the rows to those that an
// index finds.
func (d Due) Args() pgx.NamedArgs {
	return pgx.NamedArgs{"resource": d.resource, "at": d.at, "latest": d.latest, "from": d.from, "keep_days": d.keepDays}
}

// Statement returns the work of a single SQL statement that takes [Due.Args] and returns a [Count]
// for each organization.
func Statement(sql string) Work {
	return Work{Step: func(ctx context.Context, tx *outbox.Tx, due Due) ([]Count, error) {
		rows, _ := tx.Query(ctx, sql, due.Args())
		return pgx.CollectRows(rows, pgx.RowToStructByName[Count])
	}}
}

// Dispose declares the function that deletes a resource from a database.
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
