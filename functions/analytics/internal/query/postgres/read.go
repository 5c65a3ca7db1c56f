package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/query"
	"function/shared/resultset"
)

// textual are the parameters as the server reads literals of no stated type: each
// takes the type that its place asks for.
func textual(values []any) [][]byte {
	list := make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			list[i] = fmt.Append([]byte{}, v) // nil would be NULL, for an empty text
		}
	}
	return list
}

// read runs one statement by the extended protocol, which takes no second one, and
// stops reading when the answer is full.
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
			stop() // much may follow: cancel the statement, give up the connection
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
