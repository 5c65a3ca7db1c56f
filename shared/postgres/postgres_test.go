package postgres_test

import (
	"testing"

	"function/shared/postgres"

	"github.com/jackc/pgx/v5"
)

func TestStartAndQuery(t *testing.T) {
	t.Parallel()
	s, err := postgres.Start(t.Context(), postgres.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT 1").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
