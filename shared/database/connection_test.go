package database_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/database"
)

// crashing starts a proxy to a server that closes the connection without an error when a statement
// sleeps. It returns the proxy's port.
func crashing(t *testing.T, network, address string) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial(network, address)
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		go io.Copy(client, server)
		message := make([]byte, 64<<10)
		for {
			n, err := client.Read(message)
			if err != nil || strings.Contains(string(message[:n]), "pg_sleep") {
				return
			}
			server.Write(message[:n])
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestStatement_ServerCrashes_IsUnavailable(t *testing.T) {
	t.Parallel()
	server := open(t).Config().ConnConfig
	network, address := pgconn.NetworkAddress(server.Host, server.Port)
	port := crashing(t, network, address)
	db, err := database.Open(context.Background(), fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable", port, server.User, server.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(context.Background(), `SELECT pg_sleep(60)`); !database.IsUnavailable(err) {
		t.Errorf("error %v is not unavailable", err)
	}
}
