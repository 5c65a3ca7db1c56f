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

// Wire leads a process to the test PostgreSQL until the process is killed at a given
// step. A step is a message that has the server act, before the server gets it: run a
// statement (Execute, Query), or be done with it, which commits what is in no
// transaction (Sync); or the end of the answer (ReadyForQuery), before the process gets
// it. Between two steps nothing happens to the database. So a test that kills at step 1,
// 2, 3 … until a step does not come has killed at every point that makes a difference.
//
// It takes the server to trust who connects, as test servers do, without TLS.
type Wire struct {
	t        testing.TB
	listener net.Listener
	kill     func()
	killAt   int
	killed   chan struct{}

	mu       sync.Mutex
	steps    int
	last     string // what the last step was
	asked    int    // answers that the process waits for
	backends []uint32
	open     []net.Conn
}

// NewWire makes a wire to the server of a DSN. kill must return only once the process
// is dead; the connections are cut after that.
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

// DSN is a DSN of the same server, by way of the wire.
func (w *Wire) DSN(dsn string) string {
	w.t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	u.Host, u.RawQuery = w.listener.Addr().String(), "sslmode=disable"
	return u.String()
}

// Killed is closed once the step was reached.
func (w *Wire) Killed() <-chan struct{} { return w.killed }

// Idle tells whether the process waits for no answer.
func (w *Wire) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked == 0
}

// Last names the newest step, such as "12: query to the server".
func (w *Wire) Last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d: %s", w.steps, w.last)
}

// Close cuts the connections, for a process that has ended.
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

// Gone waits until the server has noticed that the connections are cut, and has ended
// what they began.
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

// lead joins one connection of the process with one to the server until either ends.
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

// begin opens the connection, in which no statement runs yet: it has no steps.
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

// step lets a message go, or cuts: nothing goes on any connection once the process is
// about to be killed.
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
