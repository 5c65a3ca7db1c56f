package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"function/shared/fault"
	"function/shared/resultset"

	"github.com/duckdb/duckdb-go/v2"
)

// Query runs one SELECT over tables and answers at most limits.Rows rows. The SQL is untrusted: it sees the tables,
// pure functions, and nothing else of the process or the host. Each call has a DuckDB instance of its own, which
// cannot spill to disk. Parameters stand for ? in order; each is a string, bool, nil, number or json.Number.
// A fault of the SQL is a *QueryError.
func Query(ctx context.Context, tables []Table, sql string, params []any, limits Limits) (*resultset.Set, error) {
	limits.Rows = cmp.Or(limits.Rows, 10_000)
	limits.Bytes = cmp.Or(limits.Bytes, 16<<20)
	limits.Memory = cmp.Or(limits.Memory, "256MB")
	limits.Timeout = cmp.Or(limits.Timeout, 30*time.Second)
	args, err := arguments(params)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	set, err := query(limited, tables, sql, args, limits)
	switch {
	case err == nil:
		return set, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("query: %w", ctx.Err())
	case limited.Err() != nil:
		return nil, &QueryError{Reason: Timeout, Detail: fmt.Sprintf("The query took longer than %s.", limits.Timeout)}
	}
	return nil, explain(err, limits)
}

func query(ctx context.Context, tables []Table, sql string, args []any, limits Limits) (*resultset.Set, error) {
	s, err := openSandbox(ctx, tables, limits)
	if err != nil {
		return nil, err
	}
	defer s.replace()
	st, err := s.parse(ctx, sql)
	if err != nil {
		return nil, err
	}
	if err := st.check(tables); err != nil {
		return nil, err
	}
	if err := st.takes(len(args)); err != nil {
		return nil, err
	}
	// DuckDB counts a table's memory against the limit, a result's not: the answer becomes a table first.
	create := fmt.Sprintf("CREATE TEMP TABLE answer AS SELECT * FROM (\n%s\n) LIMIT %d", st.sql, limits.Rows+1)
	if _, err := s.conn.ExecContext(ctx, create, args...); err != nil {
		return nil, err
	}
	return s.answer(ctx, limits)
}

// sandbox makes an instance hold the tables as views and reach nothing but their files.
func openSandbox(ctx context.Context, tables []Table, limits Limits) (*session, error) {
	s, err := fresh(ctx)
	if err != nil {
		return nil, err
	}
	var settings, paths []string
	for _, t := range tables {
		settings = append(settings, fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM read_parquet(%s, hive_partitioning = false)", identifier(t.Name), literal(t.Path)))
		paths = append(paths, literal(t.Path))
	}
	if limits.TimeZone != "" {
		settings = append(settings, "SET TimeZone = "+literal(limits.TimeZone))
	}
	settings = append(settings,
		"SET memory_limit = "+literal(limits.Memory),
		"SET allowed_paths = ["+strings.Join(paths, ", ")+"]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	)
	if err := s.apply(ctx, settings); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// arguments turns decoded JSON into what the driver binds; integers keep all their digits.
func arguments(params []any) ([]any, error) {
	args := make([]any, len(params))
	for i, p := range params {
		switch p := p.(type) {
		case nil, bool, string, float64, int, int64:
			args[i] = p
		case json.Number:
			args[i] = number(p)
		default:
			return nil, &QueryError{Reason: Runtime, Detail: fmt.Sprintf("Parameter %d is not a string, number, boolean or null.", i+1)}
		}
		if args[i] == nil && p != nil {
			return nil, &QueryError{Reason: Runtime, Detail: fmt.Sprintf("Parameter %d is not a number.", i+1)}
		}
	}
	return args, nil
}

func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if _, ok := new(big.Int).SetString(n.String(), 10); ok {
		return n.String() // text becomes HUGEINT or DECIMAL where it stands; the driver's BIGNUM casts to nothing
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return nil
}

// explain turns what DuckDB reports into a fault of the query; anything else stays an internal error.
func explain(err error, limits Limits) error {
	var known *QueryError
	if errors.As(err, &known) {
		return known
	}
	var unsupported *unsupportedType
	if errors.As(err, &unsupported) {
		return &QueryError{Reason: Runtime, Detail: fmt.Sprintf("A column of the type %s cannot be returned: cast it to another type.", fault.Excerpt(unsupported.Name))}
	}
	e := errorOf(err)
	if e == nil {
		return fmt.Errorf("query: %w", err)
	}
	switch e.Type {
	case duckdb.ErrorTypeOutOfMemory:
		return &QueryError{Reason: Memory, Detail: fmt.Sprintf("The query needs more memory than %s.", limits.Memory), Hint: "Select fewer rows or columns, or aggregate."}
	case duckdb.ErrorTypePermission:
		return &QueryError{Reason: NotAllowed, Detail: "The query reads a file, which is not allowed."}
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		return &QueryError{Reason: Syntax, Detail: sentence(e)}
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInvalidConfiguration:
		return fmt.Errorf("query: %w", err)
	}
	detail := sentence(e)
	if strings.HasPrefix(detail, tooLong) {
		return &QueryError{Reason: Memory, Detail: strings.ToUpper(detail[:1]) + detail[1:] + ".", Hint: "Use the table function range() for many rows."}
	}
	return &QueryError{Reason: Runtime, Detail: detail, Hint: hint(e)}
}

// hint is the list of names that DuckDB thinks were meant.
func hint(e *duckdb.Error) string {
	for line := range strings.Lines(e.Msg) {
		if strings.HasPrefix(line, "Candidate") || strings.HasPrefix(line, "Did you mean") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
