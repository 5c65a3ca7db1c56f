package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/query"
	"function/shared/resultset"
)

// textual encodes the parameters as untyped literals, so that the server infers the type of each
// from its context.
func textual(values []any) [][]byte {
	list := make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			list[i] = fmt.Append([]byte{}, v) // an empty value must not become nil, which means NULL
		}
	}
	return list
}

// read runs one statement with the extended protocol, which does not allow a second one, and
// stops reading when the result is full.
func read(ctx context.Context, conn *pgx.Conn, sql string, parameters [][]byte, limits query.Limits) (*resultset.Set, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	result := conn.PgConn().ExecParams(ctx, sql, parameters, nil, nil, nil)
	fields := result.FieldDescriptions()
	columns := make([]resultset.Column, len(fields))
	for i, f := range fields {
		columns[i] = resultset.Column{Name: f.Name, Type: typeName(conn.TypeMap(), f.DataTypeOID)}
	}
	answer := resultset.NewBuilder(columns, limits.Rows, limits.Bytes)
	for result.NextRow() {
		row := make([]any, len(fields))
		for i, text := range result.Values() {
			row[i] = value(conn.TypeMap(), fields[i].DataTypeOID, text)
		}
		fits, err := answer.Add(row)
		if errors.Is(err, resultset.ErrRowTooLarge) {
			stop()
			_, _ = result.Close()
			return nil, err
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
		if !fits && len(answer.Set().Rows) < limits.Rows {
			stop() // many rows may follow: cancel the statement and drop the connection
		}
		if !fits {
			break
		}
	}
	if _, err := result.Close(); err != nil && !answer.Set().Truncated {
		return nil, err
	}
	return answer.Set(), nil
}
