package postgres

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is the smallest limit on the length of a socket's path on the systems that
// PostgreSQL supports.
const maxSocketPath = 103

// socketDir is the path by which clients reach the server's socket in the data directory: the
// directory's own path or, if that is too long for a socket, a temporary link.
type socketDir struct {
	path string
	temp string // contains the link; empty without one
}

func newSocketDir(data string) (socketDir, error) {
	if fitsSocket(data) {
		return socketDir{path: data}, nil
	}
	parent := os.TempDir()
	if !fitsSocket(filepath.Join(parent, "postgres-0123456789", dataName)) {
		parent = "/tmp"
	}
	temp, err := os.MkdirTemp(parent, "postgres-")
	if err != nil {
		return socketDir{}, fmt.Errorf("make a short path to the socket: %w", err)
	}
	d := socketDir{path: filepath.Join(temp, dataName), temp: temp}
	if err := os.Symlink(data, d.path); err != nil {
		d.remove()
		return socketDir{}, fmt.Errorf("make a short path to the socket: %w", err)
	}
	return d, nil
}

func (d socketDir) remove() {
	if d.temp != "" {
		os.RemoveAll(d.temp)
	}
}

func fitsSocket(dir string) bool {
	return len(filepath.Join(dir, ".s.PGSQL."+socketPort)) <= maxSocketPath
}
