package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"function/functions/datasets/internal/format"
	"function/functions/datasets/internal/stored"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/tables"
)

const parquetType = "application/vnd.apache.parquet"

// selectFolders lists the folders of versions that can be read, as far as keys in them can begin with a prefix.
const selectFolders = `
SELECT folder, v.version, v.profiled_at FROM (
    SELECT version || '/' AS folder, version FROM dataset_versions WHERE dataset_id = @dataset AND (@number::int IS NULL OR version = @number)
    UNION ALL
    SELECT unnest(ARRAY['branch/main/', 'latest/']), (SELECT number FROM published.version_named(@dataset, 'main'))
    UNION ALL
    SELECT kind || '/' || name || '/', (SELECT number FROM published.version_named(@dataset, name)) FROM dataset_refs WHERE dataset_id = @dataset
) named (folder, version) JOIN dataset_versions v ON v.dataset_id = @dataset AND v.version = named.version AND v.status = 'ready' AND v.archived_at IS NULL
WHERE starts_with(folder, @prefix) OR starts_with(@prefix, folder)
ORDER BY folder COLLATE "C"`

// folder holds the files of a version under one of its names.
type folder struct {
	Folder     string
	Version    int
	ProfiledAt time.Time
}

func (b *bucket) folders(ctx context.Context, prefix string) ([]folder, error) {
	var number *int // of the version whose folder the prefix names
	if first, _, whole := strings.Cut(prefix, "/"); whole {
		if n, err := strconv.Atoi(first); err == nil {
			number = &n
		}
	}
	rows, _ := b.f.uploads.DB.Query(ctx, selectFolders, pgx.NamedArgs{"dataset": b.DatasetID, "prefix": prefix, "number": number})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[folder])
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	return list, nil
}

// maxViews limits the views that are written for one page of a list.
const maxViews = 8

func (b *bucket) listTables(ctx context.Context, q listing, l *listed) error {
	folders, err := b.folders(ctx, q.prefix)
	if err != nil {
		return err
	}
	for opened := 0; len(folders) > 0; folders = folders[1:] {
		at := folders[0]
		if _, grouped := q.group(at.Folder); grouped {
			if !q.add(l, at.Folder, nil) {
				return nil
			}
			continue
		}
		if at.Folder < q.after && !strings.HasPrefix(q.after, at.Folder) {
			continue
		}
		if opened++; !b.view.Whole() && opened > maxViews && len(l.objects) > 0 {
			l.more = true
			return nil
		}
		files, err := b.files(ctx, at)
		if f, ok := fault.As(err); ok && f.Kind == fault.Conflict && !strings.HasPrefix(q.prefix, at.Folder) {
			continue // a policy cannot be applied to this version, which whoever asks for it is told
		}
		if err != nil {
			return err
		}
		for _, o := range files {
			if !q.add(l, o.key, o) {
				return nil
			}
		}
	}
	return nil
}

// files returns the objects in a folder, in the order of their keys.
func (b *bucket) files(ctx context.Context, at folder) ([]*object, error) {
	parts, err := b.parts(ctx, at.Version)
	if err != nil {
		return nil, err
	}
	if !b.view.Whole() {
		o, err := b.viewed(ctx, at, parts)
		return []*object{o}, err
	}
	var list []*object
	if o, err := b.source(ctx, at); err != nil {
		return nil, err
	} else if o != nil {
		list = append(list, o) // an underscore precedes letters
	}
	sizes, err := b.sizes(ctx, parts)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		o := b.file(at, fmt.Sprintf("part-%05d.parquet", i), parquetType, sizes[i], etagOf(p.Object))
		part := stored.Part{ObjectName: p.Object, SizeBytes: sizes[i], WrappedKey: p.WrappedKey}
		o.open = b.read(func(context.Context) ([]stored.Part, error) { return []stored.Part{part}, nil })
		list = append(list, o)
	}
	return list, nil
}

func (b *bucket) file(at folder, name, contentType string, size int64, etag string) *object {
	return &object{key: at.Folder + name, size: size, etag: etag, modified: at.ProfiledAt, contentType: contentType, version: strconv.Itoa(at.Version)}
}

const selectParts = `
SELECT dataset_id AS dataset, part AS number, storage_type, table_name AS object, table_bytes AS bytes, wrapped_key
FROM published.version_tables WHERE dataset_id = $1 AND version = $2 ORDER BY place`

// parts are the tables whose rows, in order, are those of a version.
func (b *bucket) parts(ctx context.Context, version int) ([]tables.Version, error) {
	rows, _ := b.f.uploads.DB.Query(ctx, selectParts, b.DatasetID, version)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[tables.Version])
	if err != nil {
		return nil, fmt.Errorf("list tables of version %d: %w", version, err)
	}
	return parts, nil
}

// maxOpenings is how many tables are opened at a time for their sizes.
const maxOpenings = 8

// sizes returns the sizes of tables in plain text, which the objects themselves tell.
func (b *bucket) sizes(ctx context.Context, parts []tables.Version) ([]int64, error) {
	sizes := make([]int64, len(parts))
	opening, ctx := errgroup.WithContext(ctx)
	opening.SetLimit(maxOpenings)
	for i, p := range parts {
		if size, ok := b.f.sizes.Get(p.Object); ok {
			sizes[i] = size
			continue
		}
		opening.Go(func() error {
			source, err := tables.Decrypt(b.f.uploads.Area.Bucket, b.f.uploads.Keys)(ctx, p)
			if err != nil {
				return fmt.Errorf("open table of version %d: %w", p.Number, err)
			}
			sizes[i] = source.Size()
			b.f.sizes.Add(p.Object, sizes[i])
			return source.Close()
		})
	}
	return sizes, opening.Wait()
}

// viewed returns what the caller may read of a version, which is one file.
func (b *bucket) viewed(ctx context.Context, at folder, parts []tables.Version) (*object, error) {
	copies, err := b.f.views.OpenView(ctx, b.view, parts)
	if err != nil {
		return nil, err
	}
	defer copies.Release()
	info, err := os.Stat(copies.Path(0))
	if err != nil {
		return nil, err
	}
	o := b.file(at, "part-00000.parquet", parquetType, info.Size(), etagOf(b.DatasetID, at.Version, b.view.Key(), info.Size()))
	o.open = func(ctx context.Context) (io.ReadSeekCloser, error) {
		copies, err := b.f.views.OpenView(ctx, b.view, parts)
		if err != nil {
			return nil, err
		}
		file, err := os.Open(copies.Path(0))
		if err != nil {
			copies.Release()
			return nil, err
		}
		return &viewFile{file, copies}, nil
	}
	return o, nil
}

type viewFile struct {
	*os.File
	copies *tables.Copies
}

func (v *viewFile) Close() error {
	defer v.copies.Release()
	return v.File.Close()
}

const selectSource = `
SELECT f.version, f.format, coalesce(f.compression, '') AS compression, f.size_bytes, f.sha256 FROM dataset_versions v
JOIN dataset_versions f ON f.dataset_id = v.dataset_id AND f.version = CASE v.operation WHEN 'restore' THEN v.source_version ELSE v.version END
WHERE v.dataset_id = $1 AND v.version = $2 AND EXISTS (SELECT FROM version_files p WHERE p.dataset_id = f.dataset_id AND p.version = f.version)`

// source returns the uploaded file of a version, or nil if it has none.
func (b *bucket) source(ctx context.Context, at folder) (*object, error) {
	s, err := database.One[struct {
		Version             int
		Format, Compression string
		SizeBytes           int64
		SHA256              []byte `db:"sha256"`
	}](ctx, b.f.uploads.DB, pgx.ErrNoRows, selectSource, b.DatasetID, at.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up file of version %d: %w", at.Version, err)
	}
	file := format.File{Format: s.Format, Compression: s.Compression}
	o := b.file(at, "_source/file."+file.Extension(), "application/octet-stream", s.SizeBytes, etagOf(s.SHA256))
	o.open = b.read(func(ctx context.Context) ([]stored.Part, error) {
		return stored.Parts(ctx, b.f.uploads.DB, b.DatasetID, s.Version)
	})
	return o, nil
}
