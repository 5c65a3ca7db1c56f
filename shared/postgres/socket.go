package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxSocketPath is the shortest limit on a socket's path among the systems
// that PostgreSQL runs on, without the terminating zero.
const maxSocketPath = 103

// socketDir is the directory of the server's socket, mode 0700: the data
// directory itself, or a temporary one where that path is too long.
type socketDir struct {
	client    string // as the caller names it
	server    string // as the server's account names it; empty: its data directory
	temporary bool
}

func newSocketDir(c *cluster) (socketDir, error) {
	if fits(c.data) {
		return socketDir{client: c.data}, nil
	}
	parent := os.TempDir()
	if !fits(filepath.Join(parent, "postgres-0123456789")) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "postgres-")
	if err != nil {
		return socketDir{}, fmt.Errorf("make a directory for the socket: %w", err)
	}
	d := socketDir{client: dir, server: dir, temporary: true}
	if err := c.own(dir); err != nil {
		d.remove()
		return socketDir{}, err
	}
	return d, nil
}

func (d socketDir) remove() {
	if d.temporary {
		os.RemoveAll(d.client)
	}
}

// setting is the value of unix_socket_directories, which is a list of
// identifiers.
func (d socketDir) setting(data string) string {
	path := d.server
	if path == "" {
		path = data
	}
	return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
}

func fits(dir string) bool {
	return len(filepath.Join(dir, ".s.PGSQL."+socketPort)) <= maxSocketPath
}
