package datasets_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// faultyDatabase forwards connections to a database until it is broken. Then it cuts them, and
// refuses new ones.
type faultyDatabase struct {
	listener net.Listener
	dsn      string

	mu     sync.Mutex
	broken bool
	open   map[net.Conn]bool
}

func newFaultyDatabase(t *testing.T, dsn string) *faultyDatabase {
	t.Helper()
	server, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	d := &faultyDatabase{listener: listener, dsn: u.String(), open: map[net.Conn]bool{}}
	var lines sync.WaitGroup
	lines.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			lines.Go(func() { d.forward(client, server) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); d.breakDown(); lines.Wait() })
	return d
}

func (d *faultyDatabase) forward(client net.Conn, config *pgx.ConnConfig) {
	defer client.Close()
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer server.Close()
	d.mu.Lock()
	if d.broken {
		d.mu.Unlock()
		return
	}
	d.open[client], d.open[server] = true, true
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(client, server); _ = client.Close() }()
	_, _ = io.Copy(server, client)
	_ = server.Close()
	<-ended
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, client)
	delete(d.open, server)
}

func (d *faultyDatabase) breakDown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = true
	for c := range d.open {
		_ = c.Close()
	}
}

func (d *faultyDatabase) repair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = false
}
