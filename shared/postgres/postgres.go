// Package postgres runs a private PostgreSQL server from the system's own
// binaries: `make run` keeps one under its data directory, tests throw one away.
//
// The server listens on a Unix socket only, which lies in the data directory.
// That is open to nobody but the user the server runs as, and this is what
// protects it: who reaches the socket (that user and root) connects as the
// superuser without a password. The user is the caller's own, except that
// PostgreSQL refuses to run as root, see [Start].
//
// Deployed functions get their servers from the cluster and never import this
// package.
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
	// Superuser is the role that owns a cluster, and the name of its first database.
	Superuser = "postgres"

	socketPort = "5432" // part of the socket's file name, nothing else

	fastStopTime      = 2 * time.Second
	immediateStopTime = 700 * time.Millisecond
)

// Options says where a server keeps its files and how careful it is with them.
type Options struct {
	// Dir holds everything of this server: data/ (the cluster), server.log
	// (with server.log.old, of the run before) and lock. It is created where
	// missing.
	Dir string

	// Durable makes commits survive a crash of the machine, and pages carry
	// checksums. Without it fsync and its like are off, for tests.
	Durable bool

	// MaxConnections is the server's max_connections; 0 means 100.
	MaxConnections int
}

// Server is a running PostgreSQL server. It ends with [Server.Stop], and on
// Linux also when the calling process dies in any other way.
type Server struct {
	dir     string
	lock    *os.File
	process *process
	socket  socketDir
	stop    sync.Once
	stopped error // what stop came to
}

// Start starts the server of o.Dir, initializing its cluster the first time,
// and returns when it accepts connections. Cancelling ctx gives up the start;
// it does not end a server that has started.
//
// A cluster that was left by a crash recovers by itself, and a server of the
// same directory whose parent has died is stopped first. A directory that is
// in use by a living process is an [*InUseError].
//
// Called by root, the server runs as the owner of an existing cluster, and
// makes a new one as the user postgres, or nobody where there is none.
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

// settings are for a laptop: little memory, no compilation of queries that
// take milliseconds.
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

// ConnString returns a connection URI for pgx and libpq: the superuser, over
// the server's socket, to the named database.
func (s *Server) ConnString(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Superuser), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.socket.path}, "port": {socketPort}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// Done is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop ends the server and returns when its processes are gone, within 3
// seconds: sessions are cut off and the cluster is closed cleanly; where that
// takes longer than 2 seconds, or ctx ends, the server stops at once and
// recovers at its next start. Stop of a server that ended by itself says so.
// Further calls return what the first one did.
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

// InUseError says that another living process has the directory.
type InUseError struct {
	Dir string
	PID int // 0 where the holder has not written its pid yet
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return "already in use by another process"
	}
	return fmt.Sprintf("already in use by process %d", e.PID)
}

// exists tells whether path names something, as far as the caller may see.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}
