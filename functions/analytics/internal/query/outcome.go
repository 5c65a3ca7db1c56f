package query

import (
	"context"
	"fmt"
	"time"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/metrics"
)

// Wrong is a fault of the query, at a character of it (from 1; 0: not known).
func Wrong(character int, format string, args ...any) *fault.Error {
	f := fault.At("body.query", format, args...)
	if character > 0 {
		f.Fields[0].Message = fmt.Sprintf("at character %d: %s", character, f.Detail)
	}
	return f
}

// TooSlow is the fault of a query that ran out of its time.
func TooSlow(limit time.Duration) *fault.Error {
	return Wrong(0, "the query took longer than %v seconds", limit.Seconds())
}

// RowTooLarge is the fault of a query with a row larger than a whole answer.
func RowTooLarge(bytes int64) *fault.Error {
	return Wrong(0, "a row of the answer is larger than %d MiB, which a whole answer may have: select fewer columns, or shorter values", bytes>>20)
}

// Refused tells whether a query's error is the query's own fault, which trying
// again does not mend.
func Refused(err error) (*fault.Error, bool) {
	f, ok := fault.As(err)
	return f, ok && f.Kind != fault.Unavailable && f.Kind != fault.Internal
}

// Count counts a query by how it ended.
func Count(ctx context.Context, tx database.Writer, q Query, err error) error {
	return metrics.Add(ctx, tx, "analytics_queries_total", metrics.Labels{"database": q.Database, "outcome": Outcome(err)}, 1)
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
