// Package engine opens DuckDB and converts its types and values. Package ingest uses it to read uploaded files, package
// sandbox to run untrusted SQL.
package engine

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// Session is a connection to its own in-memory instance of DuckDB.
type Session struct {
	db      *sql.DB
	Conn    *sql.Conn
	scratch string // removed by Close; empty: none
}

// Open starts an instance and applies settings in order. It never fetches or loads extensions.
func Open(ctx context.Context, settings ...string) (*Session, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to DuckDB: %w", err), db.Close())
	}
	s := &Session{db: db, Conn: conn}
	settings = append([]string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET TimeZone = 'UTC'",
	}, settings...)
	if err := s.Apply(ctx, settings); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// DefaultMemory is the memory limit of a session that spills.
const DefaultMemory = "256MB"

// OpenSpilling is [Open] for work on tables that may be larger than memory (empty: DefaultMemory). What does not fit is in
// a directory of its own in scratch (empty: the system's), which Close removes.
func OpenSpilling(ctx context.Context, scratch, memory string) (*Session, error) {
	dir, err := os.MkdirTemp(scratch, "spill-*")
	if err != nil {
		return nil, fmt.Errorf("create a scratch directory: %w", err)
	}
	s, err := Open(ctx, "SET threads = 2", "SET memory_limit = "+Literal(cmp.Or(memory, DefaultMemory)), "SET temp_directory = "+Literal(dir))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.scratch = dir
	return s, nil
}

// Apply runs settings in order.
func (s *Session) Apply(ctx context.Context, settings []string) error {
	for _, setting := range settings {
		if err := s.Exec(ctx, setting); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) Close() {
	_ = s.Conn.Close()
	_ = s.db.Close()
	if s.scratch != "" {
		_ = os.RemoveAll(s.scratch)
	}
}

func (s *Session) Exec(ctx context.Context, statement string, args ...any) error {
	if _, err := s.Conn.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("run %.60q: %w", statement, err)
	}
	return nil
}

// Row returns the values of a query's only row, or sql.ErrNoRows.
func (s *Session) Row(ctx context.Context, query string, args ...any) ([]any, error) {
	var row []any
	err := s.Each(ctx, query, func(values []any) error { row = values; return nil }, args...)
	if err == nil && row == nil {
		err = sql.ErrNoRows
	}
	return row, err
}

// Each calls visit with the values of every row; visit may keep them.
func (s *Session) Each(ctx context.Context, query string, visit func([]any) error, args ...any) error {
	rows, err := s.Conn.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("run %.60q: %w", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("read the columns of %.60q: %w", query, err)
	}
	for rows.Next() {
		values := make([]any, len(names))
		targets := make([]any, len(names))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("read a row of %.60q: %w", query, err)
		}
		if err := visit(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Literal quotes a string for SQL.
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Identifier quotes a name for SQL.
func Identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// List is a list of strings for SQL.
func List(items ...string) string {
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = Literal(item)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// Parquet is the relation for SQL that reads Parquet files with the same columns, in order.
func Parquet(paths ...string) string {
	return "read_parquet(" + List(paths...) + ", hive_partitioning = false)"
}

// ErrorOf returns the error that DuckDB itself reported, or nil.
func ErrorOf(err error) *duckdb.Error {
	var e *duckdb.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Sentence returns the first line of DuckDB's message without the class of the error.
func Sentence(e *duckdb.Error) string {
	line, _, _ := strings.Cut(e.Msg, "\n")
	if class, rest, ok := strings.Cut(line, " Error: "); ok && !strings.ContainsAny(class, "\"'(") {
		line = rest
	}
	return strings.TrimSpace(line)
}
