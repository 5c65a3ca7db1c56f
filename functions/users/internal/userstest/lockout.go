package userstest

import (
	"context"
	"testing"

	"function/shared/database"
	"function/shared/platformtest"
)

func Exec(t *testing.T, p *platformtest.Platform, statement string, arguments ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

func QueryOne[T any](t *testing.T, p *platformtest.Platform, query string, arguments ...any) (value T) {
	t.Helper()
	if err := p.DB(database.Users).QueryRow(context.Background(), query, arguments...).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
