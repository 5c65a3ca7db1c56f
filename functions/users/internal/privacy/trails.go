package privacy

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/audit"
	"function/shared/fault"
	"function/shared/function"
)

// Trails opens the databases of audit trails on first use, since most readers only need this
// domain's.
type Trails struct{ env *function.Env }

// NewTrails returns trails that are opened on first use.
func NewTrails(env *function.Env) Trails { return Trails{env} }

// Open opens the database of a trail.
func (t Trails) Open(ctx context.Context, trail audit.Trail) (*pgxpool.Pool, error) {
	return t.env.AuditTrail(ctx, trail.Database())
}

// Period is the requested time range of a trail.
type Period struct {
	From time.Time `query:"from"`
	To   time.Time `query:"to" doc:"Exclusive"`
}

// Check refuses a range that ends before it begins.
func (p Period) Check() error {
	if !p.To.IsZero() && p.From.After(p.To) {
		return fault.At("query.from", "from is after to")
	}
	return nil
}
