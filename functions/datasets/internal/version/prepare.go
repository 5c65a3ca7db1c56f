package version

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/secret"
)

// Upload is a stored version to be profiled.
type Upload struct {
	DatasetID      uuid.UUID
	OrganizationID uuid.UUID
	Version        int
	StorageType    string
	Schema         *dataset.Schema
	Format         string
	Compression    string
	Reading        reading.Options
	ObjectName     string
	WrappedKey     []byte
}

// Preparer makes versions ready for queries.
type Preparer struct {
	Keys    *secret.Keeper
	Area    staging.Area
	Scratch string // directory; empty: the system's temporary directory
}

// Prepare writes the Parquet copy of a version, encrypted with the version's key, and profiles
// its columns. It works in a directory of its own under Scratch, which it removes afterwards. It
// returns an *invalid.Error if the file cannot be read.
func (p Preparer) Prepare(ctx context.Context, j *job.Job, u Upload) (*staging.Object, *ingest.Profile, error) {
	dir, err := os.MkdirTemp(p.Scratch, "profile-*")
	if err != nil {
		return nil, nil, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	key, err := p.Keys.Unwrap(ctx, u.WrappedKey)
	if err != nil {
		return nil, nil, err
	}
	progress := reporter{j}
	source, table := filepath.Join(dir, "source"), filepath.Join(dir, "table.parquet")
	if err := p.fetch(ctx, u, key, source, progress.within("fetch", 0, 0.2)); err != nil {
		return nil, nil, err
	}
	profile, err := ingest.Prepare(ctx, ingest.Source{
		Path: source, Format: u.Format, Columns: u.Schema.ResultColumns(), Compression: u.Compression, Reading: u.Reading,
	}, table, ingest.Options{
		Scratch:  dir,
		Progress: func(stage string, done float64) { progress.report(stage, 0.2+0.7*done) },
	})
	if err != nil {
		return nil, nil, fmt.Errorf("prepare version %d of %s: %w", u.Version, u.DatasetID, err)
	}
	object, err := p.put(ctx, u, key, table, progress.within("store", 0.9, 1))
	return object, profile, err
}

// fetch decrypts the version's bytes into a file.
func (p Preparer) fetch(ctx context.Context, u Upload, key []byte, path string, progress func(float64)) error {
	bucket, err := p.Area.Bucket(ctx, u.StorageType)
	if err != nil {
		return err
	}
	object, err := bucket.Open(ctx, u.ObjectName, key)
	if errors.Is(err, objects.ErrCorrupt) || errors.Is(err, objects.ErrNotFound) {
		return damaged(ctx, err)
	}
	if err != nil {
		return err
	}
	defer object.Close()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make scratch file: %w", err)
	}
	_, err = io.Copy(&progressWriter{w: file, total: object.Size(), progress: progress}, object)
	if errors.Is(err, objects.ErrCorrupt) {
		err = damaged(ctx, err)
	}
	return errors.Join(err, file.Close())
}

// put stores the Parquet copy as an object.
func (p Preparer) put(ctx context.Context, u Upload, key []byte, path string, progress func(float64)) (*staging.Object, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat table: %w", err)
	}
	object, err := p.Area.Create(ctx, u.StorageType, u.OrganizationID, key)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(&progressWriter{w: object, total: info.Size(), progress: progress}, file)
	if err == nil {
		err = object.Close()
	}
	if err != nil {
		object.Discard(ctx)
		return nil, fmt.Errorf("store table: %w", err)
	}
	return object, nil
}

// damaged logs that a stored version is damaged and returns the error that its users see.
// Retrying does not help.
func damaged(ctx context.Context, err error) error {
	slog.ErrorContext(ctx, "stored version is damaged", "error", err)
	return &invalid.Error{Detail: "The stored file of this version is damaged: upload it again."}
}

// Sentence returns the detail of the error in a form that can be stored: valid UTF-8 without NUL,
// and of limited length. The detail may quote arbitrary bytes of a broken file.
func Sentence(invalid *invalid.Error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(invalid.Detail, "\ufffd"), "\x00", "\ufffd")
	if len(text) > 2000 {
		text = strings.ToValidUTF8(text[:2000], "") + "…"
	}
	return text
}
