// Command bench measures the platform from outside, each figure against a limit
// or against a peer in the same run, and prints one table. It runs when a person
// types `make bench`, on Linux, and never in tests.
//
// It starts bin/local and bin/serve of the working directory in a temporary
// directory, and ends what it has started. Its arguments choose measurements,
// by default all. BENCH_MB is the size of the uploaded CSV file; here and in the
// table a MB is a million bytes. The exit code is 1 when a figure is over its
// limit or could not be had.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	dir   string // for everything, on disk
	table table
	site  // of all measurements that need no other
}

// measurements in their order: those of the platform's own process follow each
// other, the last needs its database alone.
var measurements = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"start", (*bench).start},
	{"upload", (*bench).upload},
	{"query", (*bench).query},
	{"users", (*bench).users},
	{"cold", (*bench).cold},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == serveRows {
		if err := rowsFrom(ctx, os.Args[2]); err != nil && !errors.Is(err, http.ErrServerClosed) {
			progress("%v", err)
		}
		return
	}
	ok, err := run(ctx, os.Args[1:])
	if err != nil {
		progress("%v", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// run tells whether every figure is within its limit.
func run(ctx context.Context, chosen []string) (ok bool, err error) {
	for _, name := range chosen {
		if !known(name) {
			return false, fmt.Errorf("there is no measurement %q", name)
		}
	}
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return false, err
	}
	b.data = b.path("data")
	defer func() { err = errors.Join(err, b.close()) }()
	// PostgreSQL, which runs as another user than root, must be able to get in.
	if err := os.Chmod(b.dir, 0o711); err != nil {
		return false, err
	}
	progress("%d processors, load %s: others' load makes figures worse", runtime.NumCPU(), load())
	for _, m := range measurements {
		if len(chosen) > 0 && !slices.Contains(chosen, m.name) {
			continue
		}
		began := time.Now()
		progress("%s …", m.name)
		if err := m.run(b, ctx); err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			b.table.failed(m.name, err)
			continue
		}
		progress("%s took %s", m.name, time.Since(began).Round(time.Second))
	}
	return b.table.write(os.Stdout), nil
}

func known(name string) bool {
	for _, m := range measurements {
		if m.name == name {
			return true
		}
	}
	return false
}

func (b *bench) path(elements ...string) string {
	return filepath.Join(append([]string{b.dir}, elements...)...)
}

func (b *bench) close() error {
	return errors.Join(b.stopPlatform(), os.RemoveAll(b.dir))
}

func progress(format string, values ...any) {
	fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf("bench: "+format, values...)))
}
