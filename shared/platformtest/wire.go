package platformtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Wire connects a process to the test PostgreSQL until the process is killed at a given step, or
// for good if the step is 0. A step is a message that makes the server act, before the server
// receives it: one that runs a statement (Execute, Query) or completes it, which commits outside a
// transaction (Sync). The end of a response (ReadyForQuery), before the process receives it, is a
// step too. The database does not change between two steps. So a test that kills at steps 1, 2, 3 … until a step is not reached
// has killed at every point that makes a difference.
//
// The server must trust its clients, as test servers do, and not use TLS.
type Wire struct {
	t        testing.TB
	listener net.Listener
	kill     func()
	killAt   int
	killed   chan struct{}

	mu       sync.Mutex
	steps    int
	last     string // description of the last step
	asked    int    // responses that the process waits for
	backends []uint32
	open     []net.Conn
}

// NewWire returns a wire to the server of a DSN. kill must return only after the process is dead;
// the connections are closed after that.
func NewWire(t testing.TB, dsn string, killAt int, kill func()) *Wire {
	t.Helper()
	server, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{t: t, listener: listener, kill: kill, killAt: killAt, killed: make(chan struct{})}
	var lines sync.WaitGroup
	lines.Go(func() {
		for {
			process, err := listener.Accept()
			if err != nil {
				return
			}
			lines.Go(func() { w.lead(process, server) })
		}
	})
	t.Cleanup(func() { w.Close(); lines.Wait() })
	return w
}

// DSN returns a DSN of the same server through the wire.
func (w *Wire) DSN(dsn string) string {
	w.t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	u.Host, u.RawQuery = w.listener.Addr().String(), "sslmode=disable"
	return u.String()
}

// Killed returns a channel that is closed once the step is reached.
func (w *Wire) Killed() <-chan struct{} { return w.killed }

// Idle reports whether the process is waiting for no response.
func (w *Wire) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked == 0
}

// Steps returns the number of steps so far.
func (w *Wire) Steps() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps
}

// Last describes the latest step, such as "12: query to the server".
func (w *Wire) Last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d: %s", w.steps, w.last)
}

// Close closes the connections of a process that has ended.
func (w *Wire) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
}

func (w *Wire) cut() {
	_ = w.listener.Close()
	for _, conn := range w.open {
		_ = conn.Close()
	}
}

const selectBackends = `SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)`

// Gone waits until the server has noticed the closed connections and ended their sessions.
func (w *Wire) Gone(db *pgxpool.Pool) {
	w.t.Helper()
	w.mu.Lock()
	backends := w.backends
	w.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var left int
		if err := db.QueryRow(context.Background(), selectBackends, backends).Scan(&left); err != nil {
			w.t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d sessions of a killed process are left after a minute", left)
		}
	}
}

// lead forwards between one connection of the process and one to the server until either ends.
func (w *Wire) lead(process net.Conn, config *pgx.ConnConfig) {
	defer process.Close()
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	server, err := net.Dial(network, address)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer server.Close()
	w.mu.Lock()
	w.open = append(w.open, process, server)
	w.mu.Unlock()
	toProcess, toServer := pgproto3.NewBackend(process, process), pgproto3.NewFrontend(server, server)
	if err := w.begin(toProcess, toServer); err != nil {
		return
	}
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		defer process.Close()
		w.answers(toProcess, toServer)
	}()
	w.questions(toProcess, toServer)
	server.Close()
	<-answers
}

// begin forwards the start of a connection. It has no steps, since no statement runs yet.
func (w *Wire) begin(toProcess *pgproto3.Backend, toServer *pgproto3.Frontend) error {
	startup, err := toProcess.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	toServer.Send(startup)
	if err := toServer.Flush(); err != nil {
		return err
	}
	for {
		m, err := toServer.Receive()
		if err != nil {
			return err
		}
		if key, ok := m.(*pgproto3.BackendKeyData); ok {
			w.mu.Lock()
			w.backends = append(w.backends, key.ProcessID)
			w.mu.Unlock()
		}
		toProcess.Send(m)
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			return toProcess.Flush()
		}
	}
}

func (w *Wire) questions(toProcess *pgproto3.Backend, toServer *pgproto3.Frontend) {
	for {
		m, err := toProcess.Receive()
		if err != nil {
			return
		}
		toServer.Send(m)
		switch m.(type) {
		case *pgproto3.Execute:
			err = w.step("statement to the server", 0, toServer.Flush)
		case *pgproto3.Query:
			err = w.step("query to the server", 1, toServer.Flush)
		case *pgproto3.Sync:
			err = w.step("end of a statement to the server", 1, toServer.Flush)
		}
		if err != nil {
			return
		}
	}
}

func (w *Wire) answers(toProcess *pgproto3.Backend, toServer *pgproto3.Frontend) {
	for {
		m, err := toServer.Receive()
		if err != nil {
			return
		}
		toProcess.Send(m)
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			err = w.step("answer to the process", -1, toProcess.Flush)
		}
		if err != nil {
			return
		}
	}
}

var errCut = errors.New("the wire is cut")

// step sends a message, or kills the process. After that, no message passes on any connection.
func (w *Wire) step(what string, asks int, send func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.killed:
		return errCut
	default:
	}
	w.steps, w.last = w.steps+1, what
	if w.steps == w.killAt {
		w.kill()
		w.cut()
		close(w.killed)
		return errCut
	}
	w.asked += asks
	return send()
}
