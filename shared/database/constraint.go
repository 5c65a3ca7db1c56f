package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/fault"
)

var constraints = map[string]*fault.Error{}

// Constraint sets the fault for statements that violate a named constraint or unique index. Domains
// call it when they are initialized, once for each constraint.
func Constraint(name string, kind fault.Kind, sentence string) {
	constraints[name] = fault.New(kind, "%s", sentence)
}

// Refusal returns the fault of the constraint that err reports as violated, or nil if err is
// something else or the constraint has no fault.
func Refusal(err error) *fault.Error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	return constraints[e.ConstraintName]
}
