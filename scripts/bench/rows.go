package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/postgres"
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

// serveRows is the argument that turns this program into a minimal HTTP handler: the peer of the
// profile read, in its own process like the platform.
const serveRows = "serve-rows"

// rowsFrom serves one account of a database until the process ends.
func rowsFrom(ctx context.Context, dsn string) error {
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

// rows returns how many times per second such a handler reads an account over loopback.
func rows(ctx context.Context, server *postgres.Server) (rate perSecond, err error) {
	ctx, end := context.WithCancel(ctx)
	handler := exec.CommandContext(ctx, os.Args[0], serveRows, server.ConnString(string(database.Users)))
	handler.Stderr = os.Stderr
	stdout, err := handler.StdoutPipe()
	if err == nil {
		err = handler.Start()
	}
	if err != nil {
		end()
		return 0, err
	}
	defer func() { end(); _ = handler.Wait() }()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		return 0, errors.New("the bare handler ended before it was ready")
	}
	get, hangUp, err := ask(ctx, strings.TrimSpace(lines.Text()), "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
	if err != nil {
		return 0, err
	}
	defer hangUp()
	return repeat(clients, verification, get)
}
