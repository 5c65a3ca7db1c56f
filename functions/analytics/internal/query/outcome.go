package query

import (
	"context"
	"fmt"
	"time"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/metrics"
)

// Wrong returns a fault of the query at a character of its text, counted from 1. Zero means that
// the position is unknown.
func Wrong(character int, format string, args ...any) *fault.Error {
	f := fault.At("body.query", format, args...)
	if character > 0 {
		f.Fields[0].Message = fmt.Sprintf("at character %d: %s", character, f.Detail)
	}
	return f
}

// TooSlow returns the fault of a query that exceeded its time limit.
func TooSlow(limit time.Duration) *fault.Error {
	return Wrong(0, "the query took longer than %v seconds", limit.Seconds())
}

// RowTooLarge returns the fault of a query with a single row larger than the whole result may be.
func RowTooLarge(bytes int64) *fault.Error {
	return Wrong(0, "a row of the result is larger than %d MiB, the limit for the whole result: select fewer columns or shorter values", bytes>>20)
}

// Refused reports whether the error is a fault of the query itself, so that retrying does not
// help.
func Refused(err error) (*fault.Error, bool) {
	f, ok := fault.As(err)
	return f, ok && f.Kind != fault.Unavailable && f.Kind != fault.Internal
}

// Count counts a query by its outcome.
func Count(ctx context.Context, tx database.Writer, q Query, err error) error {
	return metrics.Add(ctx, tx, "analytics_queries_total", metrics.Labels{"database": q.Database, "outcome": Outcome(err)}, 1)
}

// Outcome returns how a query ended: succeeded, refused or failed.
func Outcome(err error) string {
	if _, refused := Refused(err); refused {
		return "refused"
	} else if err != nil {
		return "failed"
	}
	return "succeeded"
}
