package ingest

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

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/arrowfile"
	"function/shared/ingest/avrofile"
	"function/shared/ingest/invalid"
	"function/shared/ingest/orcfile"
	"function/shared/ingest/packed"
	"function/shared/ingest/textfile"
)

// Prepare reads src whole, decides the type of every column, writes typed Parquet to dst in the row order of the
// file, and profiles it. A file that cannot be read as src.Format gives an *invalid.Error; dst must not be used then.
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
	s, err := open(ctx, scratch, opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	profile, err := prepare(ctx, s, src, dst, scratch, opts, progress)
	if err != nil {
		return nil, asInvalid(ctx, src, err)
	}
	progress("profile", 1)
	return profile, nil
}

func open(ctx context.Context, scratch string, opts Options) (*engine.Session, error) {
	return engine.Open(ctx,
		"SET threads = 2",
		"SET memory_limit = "+engine.Literal(cmp.Or(opts.Memory, defaultMemory)),
		"SET temp_directory = "+engine.Literal(scratch),
	)
}

func prepare(ctx context.Context, s *engine.Session, src Source, dst, scratch string, opts Options, progress func(string, float64)) (p *Profile, err error) {
	progress("check", 0)
	forms, err := newForms(&src.Reading)
	if err != nil {
		return nil, err
	}
	t, err := recognize(ctx, s, &src, forms, scratch, progress)
	if err != nil {
		return nil, err
	}
	t.forms = forms
	if err := t.declare(src.Columns, src); err != nil {
		return nil, err
	}
	if err := t.typeSome(src.Reading.Types); err != nil {
		return nil, err
	}
	t.expect(src.Expected, src.Lenient)
	if len(t.columns) > wide {
		if err := bufferLess(ctx, s, len(t.columns), opts.Memory); err != nil {
			return nil, err
		}
	}
	misfits, err := fits(ctx, s, t, opts.Scratch)
	t.infer()
	if err == nil {
		err = documents(ctx, s, t)
	}
	if err == nil {
		err = distinctKeys(ctx, s, t)
	}
	if err != nil {
		return nil, err
	}
	progress("write", 0.3)
	if err := write(ctx, s, t, dst); err != nil {
		return nil, err
	}
	progress("profile", 0.8)
	if opts.Outline {
		p, _, err = outline(ctx, s, dst)
	} else {
		p, err = profile(ctx, s, opts, dst)
	}
	if err == nil {
		p.Detected, p.Misfits = detected(src, t, p.Columns), misfits
	}
	if err == nil && !src.typed() && p.Rows != t.rows {
		err = &invalid.Error{Detail: fmt.Sprintf("The file has %d rows, of which %d can be read.", t.rows, p.Rows)}
	}
	return p, err
}

// recognize checks the file against its format and describes it as a table that DuckDB can scan.
func recognize(ctx context.Context, s *engine.Session, src *Source, forms *forms, scratch string, progress func(string, float64)) (*table, error) {
	if src.Compression == packed.Tar {
		return parquetFolder(ctx, s, src.Path, scratch)
	}
	if src.Compression != "" {
		decompressed := filepath.Join(scratch, "decompressed")
		if err := packed.Extract(ctx, src.Path, decompressed, src.Compression, func(int64) {}); err != nil {
			return nil, err
		}
		src.Path = decompressed
	}
	if !src.typed() {
		if err := src.decode(scratch); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(src.Path)
	if err != nil {
		return nil, fmt.Errorf("find the uploaded file: %w", err)
	}
	read := func(read int64) { progress("check", 0.2*float64(read)/float64(max(1, info.Size()))) }
	switch src.Format {
	case Parquet:
		return parquetTable(ctx, s, src.Path, scratch)
	case Avro, ORC, Arrow:
		convert := map[string]func(context.Context, string, string, func(int64)) error{
			Avro: avrofile.Convert, ORC: orcfile.Convert, Arrow: arrowfile.Convert,
		}[src.Format]
		converted := filepath.Join(scratch, "converted.parquet")
		if err := convert(ctx, src.Path, converted, read); err != nil {
			return nil, err
		}
		return parquetTable(ctx, s, converted, scratch)
	case CSV:
		return csvTable(ctx, *src, forms, scratch, read)
	case JSON:
		return jsonTable(ctx, *src, forms, scratch, read)
	}
	return nil, fmt.Errorf("prepare: unknown format %q", src.Format)
}

// typed reports whether the columns of the file have types of their own.
func (src *Source) typed() bool {
	return src.Format == Parquet || src.Format == Avro || src.Format == ORC || src.Format == Arrow
}

// decode replaces a text file in another encoding by a copy in UTF-8.
func (src *Source) decode(scratch string) error {
	f, err := os.Open(src.Path)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(textfile.ByteOrderMark))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the uploaded file: %w", err)
	}
	e, err := textfile.Encoding(head[:n], src.Reading.Encoding)
	if err != nil {
		return &invalid.Error{Detail: fmt.Sprintf("The encoding %s is not supported.", fault.Excerpt(src.Reading.Encoding))}
	}
	if e == nil {
		src.encoding = "utf-8"
		return nil
	}
	src.encoding = strings.ToLower(strings.TrimSpace(src.Reading.Encoding))
	if textfile.IsUTF16(head[:n]) {
		src.encoding = "utf-16"
	}
	decoded := filepath.Join(scratch, "decoded")
	if err := textfile.Transcode(src.Path, decoded, e); err != nil {
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

func write(ctx context.Context, s *engine.Session, t *table, dst string) error {
	var list []string
	for i, c := range t.columns {
		list = append(list, t.cast(i)+" AS "+engine.Identifier(c.name))
	}
	for _, c := range t.absent {
		list = append(list, fmt.Sprintf("CAST(NULL AS %s) AS %s", c.sqlType, engine.Identifier(c.name)))
	}
	group := min(max(valuesPerGroup/len(list), minRowsInGroup), maxRowsInGroup)
	dictionary := min(dictionaryBytes/len(list), maxDictionary)
	return s.Exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM %s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d, STRING_DICTIONARY_PAGE_SIZE_LIMIT %d)",
		strings.Join(list, ", "), t.from, engine.Literal(dst), group, dictionary))
}

const (
	wide          = 100  // with more columns, DuckDB buffers fewer rows at a time
	widest        = 1000 // with more columns, even the fewest rows that it buffers need more memory
	defaultMemory = "256MB"
	widestMemory  = "512MB"
)

// bufferLess makes DuckDB buffer fewer rows at a time. With a single thread, the rows keep their order although
// preserve_insertion_order is off. memory is the caller's limit, which may be empty.
func bufferLess(ctx context.Context, s *engine.Session, columns int, memory string) error {
	settings := []string{"SET threads = 1", "SET preserve_insertion_order = false"}
	if columns > widest && memory == "" {
		settings = append(settings, "SET memory_limit = "+engine.Literal(widestMemory))
	}
	return s.Apply(ctx, settings)
}

var formatNames = map[string]string{CSV: "CSV", JSON: "JSON", Parquet: "Parquet", Avro: "Avro", ORC: "ORC", Arrow: "Arrow"}

// asInvalid turns a fault of the file into an *invalid.Error; a fault of the host stays as it is.
func asInvalid(ctx context.Context, src Source, err error) error {
	var known *invalid.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return fmt.Errorf("prepare: %w", ctx.Err())
	}
	e := engine.ErrorOf(err)
	if e == nil {
		return fmt.Errorf("prepare: %w", err)
	}
	switch {
	case e.Type == duckdb.ErrorTypeOutOfMemory:
		return &invalid.Error{Detail: "The file cannot be processed within the memory limit: its rows are too large."}
	case e.Type == duckdb.ErrorTypeInterrupt, e.Type == duckdb.ErrorTypeConnection, e.Type == duckdb.ErrorTypePermission,
		strings.Contains(e.Msg, "No space left"), strings.Contains(e.Msg, "temporary file"), src.Format != Parquet && e.Type == duckdb.ErrorTypeIO:
		return fmt.Errorf("prepare: %w", err)
	}
	// Everything else is a fault of the file: another attempt would fail in the same way.
	class, _, _ := strings.Cut(e.Msg, ":") // the rest may quote the file
	slog.WarnContext(ctx, "file cannot be read", "format", src.Format, "error", class)
	if src.Format == Parquet {
		return parquetFault(e)
	}
	return &invalid.Error{Detail: "The file cannot be read as " + formatNames[src.Format] + "."}
}
