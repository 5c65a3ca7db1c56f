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
	"function/functions/datasets/internal/stored"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/secret"
)

// Upload is a stored version to be prepared.
type Upload struct {
	DatasetID      uuid.UUID
	OrganizationID uuid.UUID
	Version        int
	StorageType    string
	Schema         *dataset.Schema
	Operation      string
	Key            []string // columns, for an operation that changes rows by key
	Base           int      // the newest ready version of the branch before this one; zero: none
	Source         int      // of a merge: the version that is merged
	Common         int      // of a merge: the version since which the branches differ
	Prefer         string   // of a merge: the side that decides conflicts
	Resolutions    []byte   // of a merge: sealed decisions about conflicts
	Query          string   // of a derived version
	Format         string
	Compression    string
	Reading        reading.Options
	WrappedKey     []byte
}

// SelectUpload selects the Upload of version $2 of data set $1, while it is being processed.
const SelectUpload = `
SELECT d.id AS dataset_id, d.organization_id, v.version, d.storage_type, d.declared_schema AS schema,
       v.operation, v.key_columns AS key, coalesce(head_of(d.id, v.branch, v.version), 0) AS base,
       coalesce(v.source_version, 0) AS source, coalesce(common_version(d.id, head_of(d.id, v.branch, v.version), v.source_version), 0) AS common, coalesce(v.prefer, '') AS prefer, v.resolutions, coalesce(v.query, '') AS query,
       coalesce(v.format, '') AS format, coalesce(v.compression, '') AS compression, ` + SelectReading + `, v.wrapped_key
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND v.version = $2 AND v.status = 'processing' AND d.deleted_at IS NULL`

// Preparer makes versions ready for queries.
type Preparer struct {
	Keys    *secret.Keeper
	Area    staging.Area
	Scratch string // directory; empty: the system's temporary directory
}

// Prepare writes the table of a version, encrypted with the version's key, and profiles the
// version's rows. It works in a directory of its own under Scratch, which it removes afterwards. It
// returns an *invalid.Error if the file cannot be read or the operation is impossible.
func (p Preparer) Prepare(ctx context.Context, j *job.Job, u Upload) (out Outcome, err error) {
	dir, err := os.MkdirTemp(p.Scratch, "profile-*")
	if err != nil {
		return out, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	w := preparation{Preparer: p, Upload: u, dir: dir, progress: reporter{j}}
	if w.key, err = p.Keys.Unwrap(ctx, u.WrappedKey); err != nil {
		return out, err
	}
	if w.contract, err = newestContract(ctx, p.Area.DB, u.DatasetID); err != nil {
		return out, err
	}
	table, err := w.table(ctx, &out)
	if err == nil {
		err = w.sampled(ctx, &out, table)
	}
	if err == nil && w.contract != nil {
		out.Inspection, err = w.inspect(ctx, out, table)
	}
	if err != nil {
		return out, fmt.Errorf("prepare version %d of %s: %w", u.Version, u.DatasetID, err)
	}
	out.Table, err = w.put(ctx, table, w.key, w.progress.within("store", 0.9, 1))
	return out, err
}

// preparation is the preparation of one version.
type preparation struct {
	Preparer
	Upload
	key      []byte
	dir      string
	progress reporter
	contract *contract // nil: the data set has none
}

func (w *preparation) reader() Reader {
	return Reader{DB: w.Area.DB, Keys: w.Keys, Bucket: w.Area.Bucket}
}

// files lists the tables with all rows of the version.
func (w *preparation) files(out Outcome, table string) (files []string) {
	for _, part := range out.Inherited {
		files = append(files, filepath.Join(w.dir, fmt.Sprintf("part-%d.parquet", part)))
	}
	return append(files, table)
}

// fetch decrypts the version's file into a scratch file.
func (w *preparation) fetch(ctx context.Context, path string, progress func(float64)) error {
	bucket, err := w.Area.Bucket(ctx, w.StorageType)
	if err != nil {
		return err
	}
	parts, err := stored.Parts(ctx, w.Area.DB, w.DatasetID, w.Version)
	if err != nil {
		return damagedOr(ctx, err)
	}
	content, err := stored.Open(ctx, bucket, w.Keys, parts)
	if err != nil {
		return damagedOr(ctx, err)
	}
	defer content.Close()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make scratch file: %w", err)
	}
	_, err = io.Copy(&progressWriter{w: file, total: content.Size(), progress: progress}, content)
	return errors.Join(damagedOr(ctx, err), file.Close())
}

// put stores a table as an object that is encrypted with a key.
func (w *preparation) put(ctx context.Context, path string, key []byte, progress func(float64)) (*staging.Object, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat table: %w", err)
	}
	object, err := w.Area.Create(ctx, w.StorageType, w.OrganizationID, key)
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

// damagedOr returns the error of a read from storage. If the stored bytes are damaged or missing,
// that is a sentence for the version's users, because retrying does not help.
func damagedOr(ctx context.Context, err error) error {
	if !errors.Is(err, objects.ErrCorrupt) && !errors.Is(err, objects.ErrNotFound) {
		return err
	}
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
