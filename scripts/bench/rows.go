package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/postgres"
)

// account is a row of users without anything that is the platform's: who asks is not
// checked, nothing is unsealed, limited or logged.
type account struct {
	ID                                     uuid.UUID
	WrappedKey, Email, FirstName, LastName []byte
}

const (
	anyAccount    = `SELECT id FROM users LIMIT 1`
	selectAccount = `SELECT id, wrapped_key, email, first_name, last_name FROM users WHERE id = $1`
)

// rows is how often a second the least that an HTTP handler in Go can do reads an account
// over loopback: the profile's peer on this machine.
func rows(ctx context.Context, server *postgres.Server) (perSecond, error) {
	pool, err := database.Open(ctx, server.ConnString(string(database.Users)))
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	var id uuid.UUID
	if err := pool.QueryRow(ctx, anyAccount).Scan(&id); err != nil {
		return 0, err
	}
	handler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, _ := pool.Query(r.Context(), selectAccount, id)
		a, err := pgx.CollectExactlyOneRow(found, pgx.RowToStructByName[account])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(a)
	}))
	defer handler.Close()
	get, hangUp, err := ask(ctx, handler.URL, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
	if err != nil {
		return 0, err
	}
	defer hangUp()
	return repeat(clients, spell, get)
}
