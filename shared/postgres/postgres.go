// Package postgres runs a private PostgreSQL server from the system's own binaries: `make run`
// keeps one in its data directory, and tests use temporary ones.
//
// The server listens only on a Unix socket in the data directory. Only the user that runs the
// server, and root, can access the directory, and that is the only protection: they connect as the
// superuser without a password. The server runs as the caller, except that PostgreSQL refuses to
// run as root; see [Start].
//
// Deployed functions use the cluster's servers and never import this package.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	// Superuser is the role that owns a cluster and the name of its initial database.
	Superuser = "postgres"

	socketPort = "5432" // only part of the socket's file name

	fastStopTime      = 2 * time.Second
	immediateStopTime = 700 * time.Millisecond
)

// Options configures a server's files and durability.
type Options struct {
	// Dir holds all of the server's files: data/ (the cluster), server.log (and server.log.old from
	// the previous run) and lock. It is created if missing.
	Dir string

	// Durable makes commits survive a crash of the machine and adds checksums to pages. Without it,
	// fsync and similar settings are off, for tests.
	Durable bool

	// MaxConnections is the server's max_connections; 0 means 100.
	MaxConnections int
}

// Server is a running PostgreSQL server. It ends with [Server.Stop] and, on Linux, also when the
// calling process dies.
type Server struct {
	dir     string
	lock    *os.File
	process *process
	socket  socketDir
	stop    sync.Once
	stopped error // the result of Stop
}

// Start starts the server in o.Dir, initializes its cluster the first time, and returns when it
// accepts connections. Cancelling ctx aborts the start but does not stop a running server.
//
// A crashed cluster recovers automatically, and a server on the same directory whose parent has
// died is stopped first. If a living process uses the directory, the error is an [*InUseError].
//
// If the caller is root, the server runs as the owner of an existing cluster; a new cluster is
// owned by the user postgres, or by nobody if there is no such user.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL in %s: %w", o.Dir, err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (_ *Server, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlockDir(lock)
		}
	}()
	c, err := openCluster(ctx, dir, o.Durable)
	if err != nil {
		return nil, err
	}
	socket, err := newSocketDir(c.data)
	if err != nil {
		return nil, err
	}
	p, err := c.serve(ctx, settings(o))
	if err != nil {
		socket.remove()
		return nil, err
	}
	return &Server{dir: dir, lock: lock, process: p, socket: socket}, nil
}

// settings returns settings for a laptop: little memory, and no JIT for queries that take
// milliseconds.
func settings(o Options) []string {
	connections := o.MaxConnections
	if connections == 0 {
		connections = 100
	}
	s := []string{
		"--listen_addresses=",
		"--unix_socket_directories=.", // the data directory
		"--port=" + socketPort,
		fmt.Sprintf("--max_connections=%d", connections),
		"--shared_buffers=64MB",
		"--jit=off",
		"--log_checkpoints=off",
	}
	if !o.Durable {
		s = append(s, "--fsync=off", "--synchronous_commit=off", "--full_page_writes=off",
			"--wal_level=minimal", "--max_wal_senders=0")
	}
	return s
}

// ConnString returns a connection URI for pgx and libpq: the superuser, over the server's socket,
// to the named database.
func (s *Server) ConnString(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Superuser), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.socket.path}, "port": {socketPort}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// Done returns a channel that is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop stops the server and returns when its processes have ended, within 3 seconds. It disconnects
// sessions and shuts the cluster down cleanly. If that takes longer than 2 seconds, or ctx ends,
// the server stops immediately and recovers at its next start. If the server had ended by itself,
// Stop returns an error. Further calls return the same result.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		s.stopped = s.end(ctx)
		s.socket.remove()
		unlockDir(s.lock)
	})
	return s.stopped
}

func (s *Server) end(ctx context.Context) error {
	select {
	case <-s.process.done:
		return fmt.Errorf("PostgreSQL in %s ended by itself: %v\n%s", s.dir, s.process.state(), logTail(s.dir))
	default:
	}
	if err := s.process.stop(ctx); err != nil {
		return fmt.Errorf("stop PostgreSQL in %s: %w", s.dir, err)
	}
	return nil
}

// InUseError is returned when another living process uses the directory.
type InUseError struct {
	Dir string
	PID int // 0 if the holder has not written its PID yet
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return "already in use by another process"
	}
	return fmt.Sprintf("already in use by process %d", e.PID)
}

// exists reports whether path exists.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}
