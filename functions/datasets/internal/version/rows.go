package version

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/keyed"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/resultset"
	"function/shared/secret"
)

// Reader reads the rows of ready versions from storage.
type Reader struct {
	DB     *outbox.DB
	Keys   *secret.Keeper
	Bucket func(ctx context.Context, storageType string) (*objects.Bucket, error)
}

// Rows are the rows of a version in files.
type Rows struct {
	Parts   []int // versions whose tables hold the rows, in order
	Files   keyed.Table
	Columns []resultset.Column
}

const (
	selectTables  = `SELECT part, storage_type, table_name, wrapped_key FROM published.version_tables WHERE dataset_id = $1 AND version = $2 ORDER BY place`
	selectColumns = `SELECT columns FROM dataset_versions WHERE dataset_id = $1 AND version = $2 AND status = 'ready'`
)

type storedTable struct {
	Part        int
	StorageType string
	TableName   string
	WrappedKey  []byte
}

// Fetch decrypts the tables of a ready version into dir, unless they are there already. The caller
// removes the directory.
func (r Reader) Fetch(ctx context.Context, dataset uuid.UUID, number int, dir string) (*Rows, error) {
	var encoded []byte
	if err := r.DB.QueryRow(ctx, selectColumns, dataset, number).Scan(&encoded); err != nil {
		return nil, fmt.Errorf("read columns of version %d: %w", number, err)
	}
	out := &Rows{}
	if err := json.Unmarshal(encoded, &out.Columns); err != nil {
		return nil, fmt.Errorf("decode columns of version %d: %w", number, err)
	}
	found, _ := r.DB.Query(ctx, selectTables, dataset, number)
	tables, err := pgx.CollectRows(found, pgx.RowToStructByName[storedTable])
	if err != nil {
		return nil, fmt.Errorf("list tables of version %d: %w", number, err)
	}
	for _, t := range tables {
		path := filepath.Join(dir, fmt.Sprintf("part-%d.parquet", t.Part))
		if err := r.decrypt(ctx, t, path); err != nil {
			return nil, fmt.Errorf("read table of version %d: %w", t.Part, err)
		}
		out.Parts, out.Files = append(out.Parts, t.Part), append(out.Files, path)
	}
	return out, nil
}

// FetchView is [Reader.Fetch] of what a view shows of the version, in one file.
func (r Reader) FetchView(ctx context.Context, dataset uuid.UUID, number int, dir string, view access.View) (*Rows, error) {
	rows, err := r.Fetch(ctx, dataset, number, dir)
	if err != nil || view.Whole() {
		return rows, err
	}
	path := filepath.Join(dir, fmt.Sprintf("view-%d.parquet", number))
	if err := view.Write(ctx, rows.Files, path, access.Options{Scratch: dir}); err != nil {
		return nil, err
	}
	rows.Parts, rows.Files, rows.Columns = nil, keyed.Table{path}, view.Columns(rows.Columns)
	return rows, nil
}

func (r Reader) decrypt(ctx context.Context, t storedTable, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make scratch file: %w", err)
	}
	defer file.Close()
	key, err := r.Keys.Unwrap(ctx, t.WrappedKey)
	if err != nil {
		return err
	}
	bucket, err := r.Bucket(ctx, t.StorageType)
	if err != nil {
		return err
	}
	object, err := bucket.Open(ctx, t.TableName, key)
	if err != nil {
		return damagedOr(ctx, err)
	}
	defer object.Close()
	_, err = io.Copy(file, object)
	return errors.Join(damagedOr(ctx, err), file.Close())
}
