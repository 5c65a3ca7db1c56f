// Package sandbox runs untrusted SQL over Parquet files; [Query] serves every analytics request.
//
// DuckDB's memory limit covers tables, hash tables and sorts, but not the values that an expression computes for a batch
// of 2,048 rows. Functions that multiply their input are therefore bounded, but a contrived expression can still take
// several times Limits.Memory for a moment: run the process under a memory limit.
package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/resultset"
)

// Table is a table under the name that queries use.
type Table struct {
	Name  string   // matched without regard to the case of ASCII letters
	Paths []string // Parquet files with the same columns, which hold its rows in order

	// Load copies columns into the files, which may have zeros in their places before; nil: all columns. Its time does not
	// count as the query's. A nil Load means that the files have all columns.
	Load    func(ctx context.Context, columns []string) error
	Columns []string // names of all columns, if Load is set
}

// Limits bound one query. Zero values mean 10,000 rows, 16 MiB of JSON, 256MB, 30 seconds and UTC.
type Limits struct {
	Rows     int
	Bytes    int64
	Memory   string
	Timeout  time.Duration
	TimeZone string // IANA name, of current_date, now() and casts from and to text
}

// Query runs one SELECT over tables and returns at most limits.Rows rows. The SQL is untrusted: it can reach the
// tables and pure functions, and nothing else of the process or the host. Each call has its own DuckDB instance,
// which cannot spill to disk. Parameters replace ? in order; each is a string, bool, nil, number or json.Number. A
// fault of the SQL is an *Error.
func Query(ctx context.Context, tables []Table, sql string, params []any, limits Limits) (*resultset.Set, error) {
	limits.Rows = cmp.Or(limits.Rows, 10_000)
	limits.Bytes = cmp.Or(limits.Bytes, 16<<20)
	limits.Memory = cmp.Or(limits.Memory, "256MB")
	limits.Timeout = cmp.Or(limits.Timeout, 30*time.Second)
	args, err := arguments(params)
	if err != nil {
		return nil, err
	}
	q := &query{tables: tables, sql: sql, args: args, limits: limits, left: limits.Timeout}
	defer q.close()
	if err := q.step(ctx, q.prepare); err != nil {
		return nil, err
	}
	if err := q.needs.load(ctx); err != nil {
		return nil, err
	}
	err = q.step(ctx, q.run)
	if errors.Is(err, errZeros) {
		if err := everything(tables).load(ctx); err != nil {
			return nil, err
		}
		err = q.step(ctx, q.run)
	}
	if err != nil {
		return nil, err
	}
	return q.set, nil
}

// query is a statement in its own session.
type query struct {
	tables []Table
	sql    string
	args   []any
	limits Limits
	left   time.Duration

	session   *engine.Session
	statement string // creates the table "answer"
	needs     needs
	set       *resultset.Set
}

func (q *query) close() {
	if q.session != nil {
		replace(q.session)
	}
}

// step does a part of the query in the time that is left.
func (q *query) step(ctx context.Context, part func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, q.left)
	defer cancel()
	start := time.Now()
	err := part(limited)
	q.left -= time.Since(start)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("query: %w", ctx.Err())
	case limited.Err() != nil:
		return &Error{Reason: Timeout, Detail: fmt.Sprintf("The query took longer than %s.", q.limits.Timeout)}
	}
	return explain(err, q.limits)
}

// prepare checks the statement, and finds out which columns it reads.
func (q *query) prepare(ctx context.Context) error {
	s, err := openSandbox(ctx, q.tables, q.limits)
	if err != nil {
		return err
	}
	q.session = s
	st, err := q.checked(ctx)
	if err != nil {
		return err
	}
	// DuckDB's memory limit covers tables but not results, so the result becomes a table first.
	q.statement = fmt.Sprintf("CREATE TEMP TABLE answer AS SELECT * FROM (\n%s\n) LIMIT %d", st.sql, q.limits.Rows+1)
	if len(partial(q.tables)) > 0 {
		if q.needs, err = plan(ctx, s, q.statement, q.args, q.tables); err != nil {
			return err
		}
	}
	return s.Exec(ctx, "SET lock_configuration = true")
}

// checked parses the statement, which reads the query's tables only and takes its arguments.
func (q *query) checked(ctx context.Context) (*statement, error) {
	st, err := parse(ctx, q.session, q.sql)
	if err != nil {
		return nil, err
	}
	if _, err := st.check(tableNames(q.tables)); err != nil {
		return nil, err
	}
	return st, st.takes(len(q.args))
}

func (q *query) run(ctx context.Context) error {
	_, err := q.session.Conn.ExecContext(ctx, q.statement, q.args...)
	if err == nil {
		q.set, err = answer(ctx, q.session, q.limits)
	}
	if len(partial(q.tables)) > 0 && metZeros(err) {
		return fmt.Errorf("%w: %v", errZeros, err)
	}
	return err
}

// openSandbox opens an instance with the tables as views that can read nothing but their files, and write nothing but out. Its configuration is not
// locked yet.
func openSandbox(ctx context.Context, tables []Table, limits Limits, out ...Output) (*engine.Session, error) {
	s, err := fresh(ctx)
	if err != nil {
		return nil, err
	}
	var settings, paths []string
	for _, o := range out {
		settings, paths = append(settings, o.settings()...), append(paths, engine.Literal(o.Path))
	}
	for _, t := range tables {
		settings = append(settings, fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT * FROM %s", engine.Identifier(t.Name), engine.Parquet(t.Paths...)))
		for _, path := range t.Paths {
			paths = append(paths, engine.Literal(path))
		}
	}
	if len(partial(tables)) > 0 {
		settings = append(settings, "SET enable_external_file_cache = false") // which would keep the zeros of columns that are loaded later
	}
	if limits.TimeZone != "" {
		settings = append(settings, "SET TimeZone = "+engine.Literal(limits.TimeZone))
	}
	settings = append(settings,
		"SET memory_limit = "+engine.Literal(limits.Memory),
		"SET allowed_paths = ["+strings.Join(paths, ", ")+"]",
		"SET enable_external_access = false",
	)
	if err := s.Apply(ctx, settings); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// arguments converts decoded JSON into what the driver binds; integers keep all their digits.
func arguments(params []any) ([]any, error) {
	args := make([]any, len(params))
	for i, p := range params {
		switch p := p.(type) {
		case nil, bool, string, float64, int, int64:
			args[i] = p
		case json.Number:
			args[i] = number(p)
		default:
			return nil, &Error{Reason: Runtime, Detail: fmt.Sprintf("Parameter %d is not a string, number, boolean or null.", i+1)}
		}
		if args[i] == nil && p != nil {
			return nil, &Error{Reason: Runtime, Detail: fmt.Sprintf("Parameter %d is not a number.", i+1)}
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

// explain turns an error of DuckDB into an *Error; every other error stays internal.
func explain(err error, limits Limits) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var unsupported *engine.UnsupportedType
	if errors.As(err, &unsupported) {
		return &Error{Reason: Runtime, Detail: fmt.Sprintf("A column of the type %s cannot be returned: cast it to another type.", fault.Excerpt(unsupported.Name))}
	}
	e := engine.ErrorOf(err)
	if e == nil {
		return fmt.Errorf("query: %w", err)
	}
	switch e.Type {
	case duckdb.ErrorTypeOutOfMemory:
		return &Error{Reason: Memory, Detail: fmt.Sprintf("The query needs more memory than %s.", limits.Memory), Hint: "Select fewer rows or columns, or aggregate."}
	case duckdb.ErrorTypePermission:
		return &Error{Reason: NotAllowed, Detail: "The query reads a file, which is not allowed."}
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		return &Error{Reason: Syntax, Detail: engine.Sentence(e)}
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInvalidConfiguration:
		return fmt.Errorf("query: %w", err)
	}
	detail := engine.Sentence(e)
	if strings.HasPrefix(detail, tooLong) {
		return &Error{Reason: Memory, Detail: strings.ToUpper(detail[:1]) + detail[1:] + ".", Hint: "Use the table function range() for many rows."}
	}
	return &Error{Reason: Runtime, Detail: detail, Hint: hint(e)}
}

// hint returns DuckDB's list of similar names.
func hint(e *duckdb.Error) string {
	for line := range strings.Lines(e.Msg) {
		if strings.HasPrefix(line, "Candidate") || strings.HasPrefix(line, "Did you mean") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
