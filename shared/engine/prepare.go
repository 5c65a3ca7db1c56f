package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"function/shared/fault"

	"github.com/duckdb/duckdb-go/v2"
)

// Prepare reads src whole, decides the type of every column, writes typed Parquet to dst in the row order of the
// file, and profiles it. A file that cannot be read as what it claims to be gives an *InvalidError; dst is then
// not to be used.
func Prepare(ctx context.Context, src Source, dst string, opts Options) (*Profile, error) {
	progress := opts.Progress
	if progress == nil {
		progress = func(string, float64) {}
	}
	scratch, err := os.MkdirTemp(opts.Scratch, "prepare-*")
	if err != nil {
		return nil, fmt.Errorf("create a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	s, err := open(ctx,
		"SET threads = 2",
		"SET memory_limit = "+literal(cmp.Or(opts.Memory, usualMemory)),
		"SET temp_directory = "+literal(scratch),
	)
	if err != nil {
		return nil, err
	}
	defer s.close()
	profile, err := s.prepare(ctx, src, dst, scratch, opts.Memory, progress)
	if err != nil {
		return nil, asInvalid(ctx, src, err)
	}
	progress("profile", 1)
	return profile, nil
}

func (s *session) prepare(ctx context.Context, src Source, dst, scratch, memory string, progress func(string, float64)) (*Profile, error) {
	progress("check", 0)
	t, err := s.recognize(ctx, src, scratch, progress)
	if err != nil {
		return nil, err
	}
	if err := t.declare(src.Columns, src); err != nil {
		return nil, err
	}
	if len(t.columns) > wide {
		if err := s.frugal(ctx, len(t.columns), memory); err != nil {
			return nil, err
		}
	}
	progress("infer", 0.1)
	if len(src.Columns) > 0 || src.Format == Parquet {
		err = s.fits(ctx, t)
	} else {
		err = s.infer(ctx, t)
	}
	if err == nil {
		err = s.documents(ctx, t)
	}
	if err == nil {
		err = s.distinctKeys(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	progress("write", 0.4)
	if err := s.write(ctx, t, dst); err != nil {
		return nil, err
	}
	progress("profile", 0.8)
	profile, err := s.profile(ctx, dst)
	if err == nil && src.Format != Parquet && profile.Rows != t.rows {
		err = &InvalidError{Detail: fmt.Sprintf("The file has %d rows, of which %d can be read.", t.rows, profile.Rows)}
	}
	return profile, err
}

// recognize checks the file as its format demands and makes it something that DuckDB can scan.
func (s *session) recognize(ctx context.Context, src Source, scratch string, progress func(string, float64)) (*table, error) {
	if src.Format == Parquet {
		return s.parquetTable(ctx, src.Path, scratch)
	}
	if err := src.decode(scratch); err != nil {
		return nil, err
	}
	info, err := os.Stat(src.Path)
	if err != nil {
		return nil, fmt.Errorf("find the uploaded file: %w", err)
	}
	read := func(read int64) { progress("check", 0.1*float64(read)/float64(max(1, info.Size()))) }
	switch src.Format {
	case CSV:
		return csvTable(ctx, src, scratch, read)
	case JSON:
		return jsonTable(ctx, src, scratch, read)
	}
	return nil, fmt.Errorf("prepare: unknown format %q", src.Format)
}

// decode makes a text file UTF-8.
func (src *Source) decode(scratch string) error {
	f, err := os.Open(src.Path)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(byteOrderMark))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the uploaded file: %w", err)
	}
	e, err := Encoding(head[:n], src.Charset)
	if err != nil {
		return &InvalidError{Detail: fmt.Sprintf("The encoding %s is not supported.", fault.Excerpt(src.Charset))}
	}
	if e == nil {
		return nil
	}
	decoded := filepath.Join(scratch, "decoded")
	if err := transcode(src.Path, decoded, e); err != nil {
		return err
	}
	src.Path = decoded
	return nil
}

// Row groups hold about a million values, within bounds that keep both scans and memory small.
const (
	valuesPerGroup = 1 << 20
	minRowsInGroup = 2 << 10
	maxRowsInGroup = 120 << 10
)

// DuckDB allocates the dictionaries of all columns of text at once.
const (
	dictionaryBytes = 64 << 20 // of all columns together
	maxDictionary   = 1 << 20  // DuckDB's default
)

func (s *session) write(ctx context.Context, t *table, dst string) error {
	var list []string
	for i, c := range t.columns {
		list = append(list, t.cast(i)+" AS "+identifier(c.name))
	}
	for _, c := range t.absent {
		list = append(list, fmt.Sprintf("CAST(NULL AS %s) AS %s", c.sqlType, identifier(c.name)))
	}
	group := min(max(valuesPerGroup/len(list), minRowsInGroup), maxRowsInGroup)
	dictionary := min(dictionaryBytes/len(list), maxDictionary)
	return s.exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM %s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d, STRING_DICTIONARY_PAGE_SIZE_LIMIT %d)",
		strings.Join(list, ", "), t.from, literal(dst), group, dictionary))
}

// Files are wide with more columns than the first of these. With more than the second, DuckDB needs more memory than
// usual for the few rows that it holds at least.
const (
	wide        = 100
	widest      = 1000
	usualMemory = "256MB"
	forWidest   = "512MB"
)

// frugal makes DuckDB hold fewer rows at a time, which matters when each has many columns. A single thread keeps
// the order of rows by itself. memory is the caller's limit, if there is one.
func (s *session) frugal(ctx context.Context, columns int, memory string) error {
	settings := []string{"SET threads = 1", "SET preserve_insertion_order = false"}
	if columns > widest && memory == "" {
		settings = append(settings, "SET memory_limit = "+literal(forWidest))
	}
	return s.apply(ctx, settings)
}

// invalid tells faults of the file from faults of the host.
func asInvalid(ctx context.Context, src Source, err error) error {
	var known *InvalidError
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return fmt.Errorf("prepare: %w", ctx.Err())
	}
	e := errorOf(err)
	if e == nil {
		return fmt.Errorf("prepare: %w", err)
	}
	switch {
	case e.Type == duckdb.ErrorTypeOutOfMemory:
		return &InvalidError{Detail: "The file cannot be processed within the memory limit: its rows are too large."}
	case e.Type == duckdb.ErrorTypeInterrupt, e.Type == duckdb.ErrorTypeConnection, e.Type == duckdb.ErrorTypePermission,
		strings.Contains(e.Msg, "No space left"), strings.Contains(e.Msg, "temporary file"), src.Format != Parquet && e.Type == duckdb.ErrorTypeIO:
		return fmt.Errorf("prepare: %w", err)
	}
	// Whatever else DuckDB says is about the file, and would be said again of it.
	class, _, _ := strings.Cut(e.Msg, ":") // the rest may quote the file
	slog.WarnContext(ctx, "file cannot be read", "format", src.Format, "error", class)
	if src.Format == Parquet {
		return parquetFault(e)
	}
	return &InvalidError{Detail: "The file cannot be read as " + strings.ToUpper(src.Format) + "."}
}
