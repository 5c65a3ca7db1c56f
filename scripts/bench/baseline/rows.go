// Package baseline does the bare minimum of what the platform does, to compare it with.
package baseline

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// account is a row of users, read without anything that the platform adds: no caller is checked,
// and nothing is decrypted, limited or logged.
type account struct {
	ID                                     uuid.UUID
	WrappedKey, Email, FirstName, LastName []byte
}

const (
	anyAccount    = `SELECT id FROM users LIMIT 1`
	selectAccount = `SELECT id, wrapped_key, email, first_name, last_name FROM users WHERE id = $1`
)

// ServeRows is the argument that turns the program into a minimal HTTP handler: the peer of the
// profile read, in its own process like the platform.
const ServeRows = "serve-rows"

// RowsFrom serves one account of a database until the process ends.
func RowsFrom(ctx context.Context, dsn string) error {
	pool, err := database.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	var id uuid.UUID
	if err := pool.QueryRow(ctx, anyAccount).Scan(&id); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, _ := pool.Query(r.Context(), selectAccount, id)
		a, err := pgx.CollectExactlyOneRow(found, pgx.RowToStructByName[account])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(a)
	})}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	return server.Serve(listener)
}
