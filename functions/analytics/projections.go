package analytics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/resultset"
)

const (
	grantFor = `SELECT tenancy.grant_for($1)`

	// Everything is local to the transaction, which is always rolled back.
	beginReading = `
BEGIN READ ONLY;
SET LOCAL statement_timeout = '10s';
SET LOCAL lock_timeout = '1s';
SET LOCAL search_path = projections;
SET LOCAL work_mem = '16MB';
SET LOCAL hash_mem_multiplier = 1;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL bytea_output = 'hex'`

	useGrant = `SELECT set_config('tenancy.grant', $1, true)`

	// The line's end keeps a comment from swallowing the parenthesis.
	wrapBefore = "SELECT * FROM (\n"
	wrapAfter  = "\n) AS result LIMIT %d"
)

// overProjections runs a query as the role analytics_reader, whom row-level
// security shows the rows of the organization that it holds a grant for.
func (q *Querier) overProjections(ctx context.Context, db rowQuerier, organization uuid.UUID, query Query) (*resultset.Set, error) {
	if err := reachesOut(query.SQL); err != nil {
		return nil, err
	}
	text, err := number(query.SQL)
	if err != nil {
		return nil, err
	}
	if text.parameters != len(query.Parameters) {
		return nil, wrong(0, "the query has %d ? and there are %d parameters", text.parameters, len(query.Parameters))
	}
	var grant string
	if err := db.QueryRow(ctx, grantFor, organization).Scan(&grant); err != nil {
		return nil, fmt.Errorf("make grant: %w", err)
	}
	pooled, err := q.reader.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect as analytics_reader: %w", err)
	}
	defer pooled.Release()
	conn := pooled.Conn()
	defer forget(ctx, conn)
	if err := begin(ctx, conn.PgConn(), grant); err != nil {
		return nil, fmt.Errorf("begin to read as analytics_reader: %w", err)
	}
	set, err := read(ctx, conn, fmt.Sprintf(wrapBefore+"%s"+wrapAfter, text.sql, maxRows+1), textual(query.Parameters))
	if err != nil {
		return nil, projectionFault(ctx, err, text)
	}
	return set, nil
}

func begin(ctx context.Context, conn *pgconn.PgConn, grant string) error {
	if _, err := conn.Exec(ctx, beginReading).ReadAll(); err != nil {
		return err
	}
	return conn.ExecParams(ctx, useGrant, [][]byte{[]byte(grant)}, nil, nil, nil).Read().Err
}

// forget makes the connection carry nothing over to the next organization; one
// that cannot be cleaned is closed, and the pool drops it.
func forget(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, statement := range []string{"ROLLBACK", "DISCARD ALL"} {
		if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			_ = conn.Close(ctx)
			return
		}
	}
}

// textual are the parameters as the server reads literals of no stated type: each
// takes the type that its place asks for.
func textual(parameters []Parameter) [][]byte {
	list := make([][]byte, len(parameters))
	for i, p := range parameters {
		if p.value != nil {
			list[i] = fmt.Append(nil, p.value)
		}
	}
	return list
}

// read runs one statement by the extended protocol, which takes no second one, and
// stops reading when the answer is full.
func read(ctx context.Context, conn *pgx.Conn, sql string, parameters [][]byte) (*resultset.Set, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	result := conn.PgConn().ExecParams(ctx, sql, parameters, nil, nil, nil)
	fields := result.FieldDescriptions()
	columns := make([]resultset.Column, len(fields))
	for i, f := range fields {
		columns[i] = resultset.Column{Name: f.Name, Type: typeName(conn.TypeMap(), f.DataTypeOID)}
	}
	answer := resultset.NewBuilder(columns, maxRows, maxBytes)
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
		if !fits && len(answer.Set().Rows) < maxRows {
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
