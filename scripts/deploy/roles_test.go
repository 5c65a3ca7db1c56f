package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestRoleURL_ServersOfAdministrators_AreTheRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ admin, want string }{
		{"postgres://postgres:secret@db:5432/postgres", "postgres://analytics:new@db:5432/analytics_db"},
		{"postgresql://postgres:secret@db/postgres", "postgresql://analytics:new@db/analytics_db"},
		{"postgres://db", "postgres://analytics:new@db/analytics_db"},
		{"postgres://postgres@db/", "postgres://analytics:new@db/analytics_db"},
		{"postgres://postgres:%40%2F%3A%23%3F%25@db/postgres", "postgres://analytics:new@db/analytics_db"},
		{"postgres://postgres:a@b@db/postgres", "postgres://analytics:new@db/analytics_db"},
		{"postgres://postgres:secret@[2001:db8::1]:5432/postgres", "postgres://analytics:new@[2001:db8::1]:5432/analytics_db"},
		{"postgres://postgres:secret@[fe80::1%25eth0]/postgres", "postgres://analytics:new@[fe80::1%25eth0]/analytics_db"},
		{"postgres://postgres:secret@one:5432,two:5433/postgres", "postgres://analytics:new@one:5432,two:5433/analytics_db"},
		{"postgres://postgres:secret@db/postgres?sslmode=disable", "postgres://analytics:new@db/analytics_db?sslmode=disable"},
		{"postgres://postgres:secret@db?sslmode=verify-full&sslrootcert=/a%20b", "postgres://analytics:new@db/analytics_db?sslmode=verify-full&sslrootcert=%2Fa%20b"},
		{"postgres://db/?user=postgres&password=secret&dbname=postgres&sslmode=require", "postgres://analytics:new@db/analytics_db?sslmode=require"},
	} {
		admin, err := parseAdminURL(c.admin)
		if err != nil {
			t.Errorf("%s: %v", c.admin, err)
			continue
		}
		if got := roleURL(admin, "analytics", "new", "analytics_db"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.admin, got, c.want)
		}
	}
}

func TestParseAdminURL_Malformed_RefusedWithoutThePassword(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"host=db user=postgres password=secret",
		"mysql://postgres:secret@db/postgres",
		"postgres:secret@db",
		"postgres://",
		"postgres:///postgres?host=/run/secret",
		"postgres://postgres:secret/word@db/postgres",
		"postgres://postgres:secret#word@db/postgres",
		"postgres://postgres:secret?word@db/postgres",
		"postgres://postgres:secret word@db/postgres",
		"postgres://postgres:secret%zz@db/postgres",
		"postgres://postgres:secret@db/postgres/other",
		"postgres://postgres:secret@db/postgres#secret",
		"postgres://postgres@db/postgres?password=secret%zz",
		"postgres://postgres@db/postgres?sslmode=disable;password=secret",
		"postgres://postgres:secret@db/postgres\nX=secret",
	} {
		_, err := parseAdminURL(value)
		if err == nil {
			t.Errorf("%q is taken", value)
		} else if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "ADMIN_DATABASE_URL is not postgres://") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestPooled_URLs_HaveOnePoolSize(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"postgres://u:p@db/d", "postgres://u:p@db/d?sslmode=disable", "postgres://u:p@db/d?pool_max_conns=9&sslmode=disable",
	} {
		got, err := pooled(value, 3)
		if err != nil {
			t.Fatal(err)
		}
		config, err := pgxpool.ParseConfig(got)
		if err != nil {
			t.Fatal(err)
		}
		if config.MaxConns != 3 || config.ConnConfig.User != "u" || config.ConnConfig.Password != "p" || config.ConnConfig.Database != "d" {
			t.Errorf("%s: %s", value, got)
		}
		if strings.Count(got, "pool_max_conns") != 1 || strings.Contains(value, "sslmode") != strings.Contains(got, "sslmode=disable") {
			t.Errorf("%s: %s", value, got)
		}
	}
}
