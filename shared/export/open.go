package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Options bound the work of Open.
type Options struct {
	Scratch string // directory for files that the table needs until it is written
	Memory  string // DuckDB's memory limit; empty: 192MB
}

// maxRowGroup is the uncompressed size of a row group that is read whole. Files with larger ones are rewritten.
const maxRowGroup = 64 << 20

// Open prepares the rows of Parquet files for a format. What the format cannot carry gives an *invalid.Error. The
// caller removes the scratch directory after the table is written.
func Open(ctx context.Context, files []string, format string, o Options) (*Table, error) {
	s, err := engine.Open(ctx, "SET threads = 2", "SET memory_limit = "+engine.Literal(cmp.Or(o.Memory, "192MB")),
		"SET temp_directory = "+engine.Literal(filepath.Join(o.Scratch, "spill")))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t, err := open(ctx, s, files, format, o)
	if err == nil && format == ORC {
		s.Close() // for its memory
		err = t.writeORC(ctx, o.Scratch)
	}
	if e := engine.ErrorOf(err); e != nil && e.Type == duckdb.ErrorTypeOutOfMemory {
		return nil, &invalid.Error{Detail: "The rows of this version are too large to be converted: download the file as it was uploaded."}
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("export: %w", err)
	}
	return t, errors.Join(err, ctx.Err())
}

func open(ctx context.Context, s *engine.Session, files []string, format string, o Options) (*Table, error) {
	from := engine.Parquet(files...)
	found, err := s.Fields(ctx, from)
	if err != nil {
		return nil, err
	}
	t := &Table{format: format, files: files}
	var list []string
	rewrite := format == Parquet && len(files) > 1
	notes := map[string]bool{}
	for _, f := range found {
		target := recast(f.Type, carriers[format])
		selected := engine.Identifier(f.Name)
		if target != f.Type {
			selected = fmt.Sprintf("CAST(%[1]s AS %s) AS %[1]s", selected, target)
			rewrite = true
		}
		list = append(list, selected)
		structure, err := engine.ParseType(f.Type)
		if err != nil {
			return nil, err
		}
		if err := refuseInfinity(ctx, s, from, format, f.Name, structure, notes); err != nil {
			return nil, err
		}
		note(structure, format, notes)
		if structure, err = engine.ParseType(target); err != nil {
			return nil, err
		}
		t.fields = append(t.fields, field{f.Name, structure})
	}
	if format == Avro && renames(t.fields) {
		notes["Names that Avro does not allow are changed; the doc of a field has the name"] = true
	}
	for sentence := range notes {
		t.Notes = append(t.Notes, sentence)
	}
	slices.Sort(t.Notes)
	if format != Parquet && !rewrite {
		rewrite, err = oversized(ctx, s, files)
	}
	if err == nil && rewrite {
		t.files = []string{filepath.Join(o.Scratch, "export.parquet")}
		err = rewriteFiles(ctx, s, files, list, t.files[0])
	}
	if format == Parquet {
		t.complete = t.files[0]
	}
	return t, err
}

// rewriteFiles writes selected columns of the files to one file, with row groups that are small enough to be read whole.
func rewriteFiles(ctx context.Context, s *engine.Session, files, list []string, path string) error {
	row, err := s.Row(ctx, "SELECT CAST(coalesce(sum(total_uncompressed_size), 0) AS BIGINT) FROM parquet_metadata("+engine.List(files...)+")")
	if err != nil {
		return err
	}
	size, _ := row[0].(int64)
	if row, err = s.Row(ctx, "SELECT CAST(coalesce(sum(num_rows), 0) AS BIGINT) FROM parquet_file_metadata("+engine.List(files...)+")"); err != nil {
		return err
	}
	rows, _ := row[0].(int64)
	const least, most = 2 << 10, 120 << 10
	group := int64(most)
	if rows > 0 && size/rows > 0 {
		group = min(max(maxRowGroup/4/(size/rows), least), most)
	}
	return s.Exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM %s) TO %s (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d)",
		strings.Join(list, ", "), engine.Parquet(files...), engine.Literal(path), group))
}

// oversized reports whether a row group is too large to be read whole.
func oversized(ctx context.Context, s *engine.Session, files []string) (bool, error) {
	row, err := s.Row(ctx, "SELECT CAST(coalesce(max(n), 0) AS BIGINT) FROM (SELECT sum(total_uncompressed_size) AS n FROM parquet_metadata("+engine.List(files...)+") GROUP BY file_name, row_group_id)")
	if err != nil {
		return false, err
	}
	size, _ := row[0].(int64)
	return size > maxRowGroup, nil
}

// refuseInfinity refuses infinite dates and timestamps in formats that do not have them.
func refuseInfinity(ctx context.Context, s *engine.Session, from, format, name string, t engine.Type, notes map[string]bool) error {
	test := infinite(t, engine.Identifier(name), 0)
	if test == "" || format == CSV || format == JSON || format == NDJSON {
		return nil
	}
	row, err := s.Row(ctx, "SELECT coalesce(bool_or("+test+"), false) FROM "+from)
	if err != nil {
		return err
	}
	switch {
	case row[0] != true:
	case format == Parquet:
		notes["Infinite dates and timestamps are the greatest and least values, as DuckDB writes them"] = true
	default:
		return &invalid.Error{Detail: fmt.Sprintf("Column %s has an infinite date or timestamp, which %s cannot carry: download it as csv, json or parquet.", fault.Excerpt(name), format)}
	}
	return nil
}
