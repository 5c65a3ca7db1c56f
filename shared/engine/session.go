package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// session is one connection to a DuckDB instance of its own, in memory.
type session struct {
	db   *sql.DB
	conn *sql.Conn
}

// open starts an instance and applies settings, in order. Extensions are never fetched nor loaded.
func open(ctx context.Context, settings ...string) (*session, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to DuckDB: %w", err), db.Close())
	}
	s := &session{db: db, conn: conn}
	settings = append([]string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET TimeZone = 'UTC'",
	}, settings...)
	if err := s.apply(ctx, settings); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// apply runs settings in order.
func (s *session) apply(ctx context.Context, settings []string) error {
	for _, setting := range settings {
		if err := s.exec(ctx, setting); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

func (s *session) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := s.conn.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("run %.60q: %w", statement, err)
	}
	return nil
}

// row reads the only row of an answer whatever its number of columns.
func (s *session) row(ctx context.Context, query string, args ...any) ([]any, error) {
	var row []any
	err := s.each(ctx, query, func(values []any) error { row = values; return nil }, args...)
	if err == nil && row == nil {
		err = sql.ErrNoRows
	}
	return row, err
}

// each calls visit with the values of every row; a row is the visitor's to keep.
func (s *session) each(ctx context.Context, query string, visit func([]any) error, args ...any) error {
	rows, err := s.conn.QueryContext(ctx, query, args...)
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

// literal quotes a string for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier quotes a name for SQL.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// fault answers the error that DuckDB itself reported, or nil.
func errorOf(err error) *duckdb.Error {
	var e *duckdb.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// sentence is the first line of what DuckDB says, without the name of the error's class.
func sentence(e *duckdb.Error) string {
	line, _, _ := strings.Cut(e.Msg, "\n")
	if class, rest, ok := strings.Cut(line, " Error: "); ok && !strings.ContainsAny(class, "\"'(") {
		line = rest
	}
	return strings.TrimSpace(line)
}
