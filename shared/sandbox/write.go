package sandbox

import (
	"cmp"
	"context"
	"time"

	"function/shared/engine"
)

// Write is [Query] for all rows of a SELECT without parameters, which it writes to a new Parquet file. The tables have
// all their columns, and Limits.Rows and Limits.Bytes do not apply.
func Write(ctx context.Context, tables []Table, sql, dst string, limits Limits) error {
	limits.Memory = cmp.Or(limits.Memory, "256MB")
	limits.Timeout = cmp.Or(limits.Timeout, 30*time.Second)
	q := &query{tables: tables, sql: sql, limits: limits, left: limits.Timeout, written: dst}
	defer q.close()
	if err := q.step(ctx, q.prepare); err != nil {
		return err
	}
	return q.step(ctx, func(ctx context.Context) error {
		_, err := q.session.Conn.ExecContext(ctx, q.statement)
		return err
	})
}

// copying is the statement that writes the rows of a SELECT.
func copying(sql, dst string) string {
	return "COPY (SELECT * FROM (\n" + sql + "\n)) TO " + engine.Literal(dst) + " (FORMAT parquet, COMPRESSION zstd)"
}
