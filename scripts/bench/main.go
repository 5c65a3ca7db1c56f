// Command bench measures the platform from outside and prints one table. Each figure is compared
// with a limit or with a peer in the same run. `make bench` runs it, on Linux; tests never do.
//
// It runs bin/local and bin/serve in a temporary directory and stops what it started. Its arguments
// select measurements, or groups of them; the default is all. BENCH_MB is the size of the uploaded CSV file, and
// BENCH_UPLOADS the number of small ones; here and in the table, MB means a million bytes. The exit
// code is 1 if a figure exceeds its limit or could not be measured.
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

	"function/scripts/bench/baseline"
	"function/scripts/bench/process"
)

// bench is one run.
type bench struct {
	dir   string // holds all files, on disk
	table table
	site  // for all measurements that need no other
}

// measurements are in order: those that use the platform's process follow each other, and the last
// needs only its database.
var measurements = []struct {
	name, group string
	run         func(*bench, context.Context) error
}{
	{"start", "platform", (*bench).start},
	{"upload", "datasets", (*bench).upload},
	{"s3", "datasets", (*bench).s3},
	{"query", "analytics", (*bench).query},
	{"changes", "datasets", (*bench).changes},
	{"lineage", "datasets", (*bench).lineage},
	{"rules", "datasets", (*bench).rules},
	{"users", "accounts", (*bench).users},
	{"search", "datasets", (*bench).search},
	{"cold", "platform", (*bench).cold},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == baseline.ServeRows {
		if err := baseline.RowsFrom(ctx, os.Args[2]); err != nil && !errors.Is(err, http.ErrServerClosed) {
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

// run reports whether every figure is within its limit.
func run(ctx context.Context, chosen []string) (ok bool, err error) {
	for _, name := range chosen {
		if !known(name) {
			return false, fmt.Errorf("there is no measurement or group %q", name)
		}
	}
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return false, err
	}
	b.data = b.path("data")
	defer func() { err = errors.Join(err, b.close()) }()
	// PostgreSQL does not run as root and must have access to the directory.
	if err := os.Chmod(b.dir, 0o711); err != nil {
		return false, err
	}
	progress("%d processors, load %s: others' load makes figures worse", runtime.NumCPU(), process.Load())
	for _, m := range measurements {
		if len(chosen) > 0 && !slices.Contains(chosen, m.name) && !slices.Contains(chosen, m.group) {
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
		if m.name == name || m.group == name {
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
