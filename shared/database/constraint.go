package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/fault"
)

var constraints = map[string]*fault.Error{}

// Constraint says what a caller reads whose statement a named constraint or unique index
// refuses. A domain calls it once for each, when it is initialized.
func Constraint(name string, kind fault.Kind, sentence string) {
	constraints[name] = fault.New(kind, "%s", sentence)
}

// Refusal is the fault that the constraint which refused a statement stands for; nil: err
// is something else, or the constraint has no sentence.
func Refusal(err error) *fault.Error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	return constraints[e.ConstraintName]
}
