package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/ingest/packed"
)

// parquetFolder describes the Parquet files in a tar archive as one table, whose rows are theirs in their order. All have the
// same columns, in any order.
func parquetFolder(ctx context.Context, s *engine.Session, path, scratch string) (*table, error) {
	members, err := packed.Members(ctx, path, scratch)
	if err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, &invalid.Error{Detail: "The tar archive contains no Parquet files."}
	}
	var whole *table
	var parts []string
	for _, m := range members {
		if folder := partition(m.Name); folder != "" {
			return nil, &invalid.Error{Detail: fmt.Sprintf("The folder %s stands for the value of a column: write the table without partitions.", fault.Excerpt(folder))}
		}
		own := m.Path + "-scratch"
		if err := os.Mkdir(own, 0o700); err != nil {
			return nil, fmt.Errorf("create a scratch directory: %w", err)
		}
		t, err := parquetTable(ctx, s, m.Path, own)
		if err != nil {
			return nil, inMember(ctx, m, err)
		}
		if whole == nil {
			whole = t
		}
		columns, err := whole.order(t)
		if err != nil {
			return nil, inMember(ctx, m, err)
		}
		parts = append(parts, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.from)
	}
	aliases := make([]string, len(whole.columns))
	for i := range aliases {
		aliases[i] = raw(i)
	}
	whole.from = fmt.Sprintf("(%s) AS source(%s)", strings.Join(parts, " UNION ALL "), strings.Join(aliases, ", "))
	return whole, nil
}

// partition returns the folder in a path whose name gives a column's value, as Hive has it.
func partition(name string) string {
	for folder := range strings.SplitSeq(filepath.Dir(name), "/") {
		if strings.Contains(folder, "=") {
			return folder
		}
	}
	return ""
}

// order returns the columns of another table in the order of this one.
func (t *table) order(other *table) ([]string, error) {
	columns := make([]string, len(t.columns))
	for i, c := range t.columns {
		at := slices.IndexFunc(other.columns, func(o column) bool { return o.name == c.name })
		if at < 0 {
			return nil, &invalid.Error{Detail: fmt.Sprintf("column %s of the first file is missing: give all files the same columns.", fault.Excerpt(c.name))}
		}
		if o := other.columns[at]; o.source != c.source {
			return nil, &invalid.Error{Detail: fmt.Sprintf("column %s is %s, but %s in the first file: give it the same type in all files.", fault.Excerpt(c.name), o.source, c.source)}
		}
		columns[i] = raw(at)
	}
	for _, o := range other.columns {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == o.name }) {
			return nil, &invalid.Error{Detail: fmt.Sprintf("column %s is not in the first file: give all files the same columns.", fault.Excerpt(o.name))}
		}
	}
	return columns, nil
}

// inMember names the file that an error is about.
func inMember(ctx context.Context, m packed.Member, err error) error {
	var known *invalid.Error
	if refused := asInvalid(ctx, Source{Path: m.Path, Format: Parquet}, err); errors.As(refused, &known) {
		return &invalid.Error{Detail: fmt.Sprintf("File %s: %s", fault.Excerpt(m.Name), known.Detail), Line: known.Line}
	}
	return err
}
