package postgres

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is the smallest limit on the length of a socket's path among
// the systems that PostgreSQL runs on.
const maxSocketPath = 103

// socketDir is how clients name the directory of the server's socket, which
// is the data directory: by its path, or where that is too long for a
// socket, by a temporary link.
type socketDir struct {
	path string
	temp string // holds the link; empty without one
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
