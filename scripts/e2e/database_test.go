//go:build e2e

package e2e

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// database connects to one of the platform's databases as its administrator.
func database(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	secret, err := os.ReadFile("/run/e2e/postgres.password")
	if err != nil {
		t.Fatal(err)
	}
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", strings.TrimSpace(string(secret))),
		Host: "10.244.0.1:5432", Path: name, RawQuery: "sslmode=disable",
	}
	connection, err := pgx.Connect(context.Background(), dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

func execute(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, c *pgx.Conn, sql string, arguments ...any) (n int) {
	t.Helper()
	if err := c.QueryRow(context.Background(), sql, arguments...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
