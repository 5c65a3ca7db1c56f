package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"function/shared/engine"
)

// Check parses one SELECT without parameters over tables with these names, and returns those that it reads. A fault of the
// SQL is an *Error. Names and types of columns are not checked.
func Check(ctx context.Context, tables []string, sql string) (read []string, err error) {
	s, err := fresh(ctx)
	if err != nil {
		return nil, err
	}
	defer replace(s)
	st, err := parse(ctx, s, sql)
	if err != nil {
		return nil, err
	}
	found, err := st.check(tables)
	if err != nil {
		return nil, err
	}
	for _, name := range tables {
		if found[strings.ToLower(name)] {
			read = append(read, name)
		}
	}
	return read, st.takes(0)
}

// tableNames returns the names of tables.
func tableNames(tables []Table) (list []string) {
	for _, t := range tables {
		list = append(list, t.Name)
	}
	return list
}

// Output is the file that Write makes.
type Output struct {
	Path    string
	Scratch string // directory for what does not fit into memory, up to 10 GB
}

func (o Output) settings() []string {
	return []string{"SET temp_directory = " + engine.Literal(o.Scratch), "SET max_temp_directory_size = '10GB'"}
}

// Write runs one SELECT like [Query], but writes all its rows to a Parquet file, in their order. Zero limits mean
// 1,000,000,000 rows, 384MB, 8 minutes and UTC. More rows than the limit are an *Error.
func Write(ctx context.Context, tables []Table, sql string, out Output, limits Limits) error {
	limits.Rows = cmp.Or(limits.Rows, 1_000_000_000)
	limits.Memory = cmp.Or(limits.Memory, "384MB")
	limits.Timeout = cmp.Or(limits.Timeout, 8*time.Minute)
	q := &query{tables: tables, sql: sql, limits: limits, left: limits.Timeout}
	defer q.close()
	return q.step(ctx, func(ctx context.Context) error { return q.write(ctx, out) })
}

func (q *query) write(ctx context.Context, out Output) error {
	s, err := openSandbox(ctx, q.tables, q.limits, out)
	if err != nil {
		return err
	}
	q.session = s
	st, err := q.checked(ctx)
	if err != nil {
		return err
	}
	if err := s.Exec(ctx, "SET lock_configuration = true"); err != nil {
		return err
	}
	row, err := s.Row(ctx, fmt.Sprintf("COPY (SELECT * FROM (\n%s\n) LIMIT %d) TO %s (FORMAT parquet, COMPRESSION zstd)", st.sql, q.limits.Rows+1, engine.Literal(out.Path)))
	if err != nil {
		return err
	}
	if rows, _ := row[0].(int64); rows > int64(q.limits.Rows) {
		return &Error{Reason: Memory, Detail: fmt.Sprintf("The query has more than %d rows.", q.limits.Rows), Hint: "Select fewer rows, or aggregate."}
	}
	return nil
}
