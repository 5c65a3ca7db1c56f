package database_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

func TestOne_RowsOfAQuery(t *testing.T) {
	t.Parallel()
	db := open(t)
	type pair struct{ A, B int }
	missing := errors.New("missing")
	got, err := database.One[pair](t.Context(), db, missing, `SELECT 1 AS a, 2 AS b`)
	if err != nil || got != (pair{1, 2}) {
		t.Errorf("one row: %v, %v", got, err)
	}
	if _, err := database.One[pair](t.Context(), db, missing, `SELECT 1 AS a, 2 AS b WHERE false`); !errors.Is(err, missing) {
		t.Errorf("no row: %v, want the error for a missing one", err)
	}
	if _, err := database.One[pair](t.Context(), db, missing, `SELECT 1 AS a, 2 AS b FROM generate_series(1, 2)`); !errors.Is(err, pgx.ErrTooManyRows) {
		t.Errorf("two rows: %v, want ErrTooManyRows", err)
	}
	if _, err := database.One[pair](t.Context(), db, missing, `SELECT 1 / 0 AS a, 2 AS b`); err == nil || errors.Is(err, missing) {
		t.Errorf("failing query: %v, want its own error", err)
	}
}
