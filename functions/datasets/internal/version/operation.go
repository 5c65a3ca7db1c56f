package version

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
	"function/shared/resultset"
)

// maxParts is how many tables the rows of a version may be in. An append beyond it writes them all
// into one.
const maxParts = 32

// table writes the rows that the version does not inherit to a file and returns its path. It fills
// in the outcome's profile and inherited versions.
func (w *preparation) table(ctx context.Context, out *Outcome) (string, error) {
	switch w.Operation {
	case Merge:
		return w.merge(ctx, out)
	case Derive:
		return w.derive(ctx, out)
	}
	columns := w.Schema.ResultColumns()
	var base *Rows
	if dependent(w.Operation) && w.Base > 0 {
		var err error
		if base, err = w.reader().Fetch(ctx, w.DatasetID, w.Base, w.dir); err != nil {
			return "", err
		}
		if ingest.Declarable(base.Columns) {
			columns = base.Columns
		}
	}
	if w.Operation == Delete {
		if base == nil {
			return "", &invalid.Error{Detail: "The branch has no rows that could be deleted."}
		}
		var err error
		if columns, err = chosen(base.Columns, w.Key); err != nil {
			return "", err
		}
	}
	file, table := filepath.Join(w.dir, "source"), filepath.Join(w.dir, "table.parquet")
	if err := w.fetch(ctx, file, w.progress.within("fetch", 0, 0.2)); err != nil {
		return "", err
	}
	profile, err := ingest.Prepare(ctx, ingest.Source{
		Path: file, Format: w.Format, Columns: columns, Compression: w.Compression, Reading: w.Reading,
		Expected: w.expected(), Lenient: w.Operation == Replace,
	}, table, ingest.Options{
		Scratch:  w.dir,
		Outline:  base != nil, // change profiles all rows
		Values:   w.ruled(),
		Progress: func(stage string, done float64) { w.progress.report(stage, 0.2+0.5*done) },
	})
	out.Profile = profile
	switch {
	case err != nil:
		return "", err
	case base != nil:
		return w.change(ctx, base, table, out)
	case w.Operation == Upsert:
		err = keyed.Check(ctx, table, w.Key, keyed.Options{Scratch: w.dir})
	}
	return table, err
}

// change applies the rows of the file to those of the base.
func (w *preparation) change(ctx context.Context, base *Rows, table string, out *Outcome) (_ string, err error) {
	w.progress.report("change", 0.7)
	options := keyed.Options{Scratch: w.dir}
	result := filepath.Join(w.dir, "result.parquet")
	switch {
	case w.Operation == Delete:
		err = keyed.Delete(ctx, base.Files, table, w.Key, result, options)
	case w.Operation == Upsert:
		err = keyed.Upsert(ctx, base.Files, table, w.Key, result, options)
	case len(base.Parts) < maxParts:
		result, out.Inherited = table, base.Parts
		err = keyed.Equal(ctx, base.Files, table, options)
	default:
		if err = keyed.Equal(ctx, base.Files, table, options); err == nil {
			err = keyed.Concatenate(ctx, append(base.Files, table), result, options)
		}
	}
	if err != nil {
		return "", err
	}
	return result, w.describe(ctx, out, base.Files, result)
}

// describe profiles all rows of the version.
func (w *preparation) describe(ctx context.Context, out *Outcome, inherited keyed.Table, table string) error {
	w.progress.report("profile", 0.8)
	files := []string{table}
	if out.Inherited != nil {
		files = append(inherited[:len(inherited):len(inherited)], table)
	}
	whole, err := ingest.Describe(ctx, files, ingest.Options{Scratch: w.dir, Values: w.ruled()})
	if err == nil && out.Profile != nil {
		whole.Detected = out.Profile.Detected
	}
	out.Profile = whole
	return err
}

// merge writes the rows of the branch with the changes of another one.
func (w *preparation) merge(ctx context.Context, out *Outcome) (string, error) {
	var sides [3]keyed.Table
	for i, number := range []int{w.Common, w.Base, w.Source} {
		rows, err := w.reader().Fetch(ctx, w.DatasetID, number, w.dir)
		if err != nil {
			return "", err
		}
		sides[i] = rows.Files
		w.progress.report("fetch", 0.15*float64(i+1))
	}
	choices, err := w.choices()
	if err != nil {
		return "", err
	}
	result := filepath.Join(w.dir, "result.parquet")
	w.progress.report("change", 0.5)
	if err := keyed.Merge(ctx, sides[0], sides[1], sides[2], w.Key, choices, result, keyed.Options{Scratch: w.dir}); err != nil {
		return "", err
	}
	return result, w.describe(ctx, out, nil, result)
}

// chosen returns the columns that a key names.
func chosen(columns []resultset.Column, key []string) ([]resultset.Column, error) {
	var list []resultset.Column
	for _, name := range key {
		for _, c := range columns {
			if strings.EqualFold(c.Name, name) {
				list = append(list, c)
			}
		}
	}
	if len(list) != len(key) {
		return nil, &invalid.Error{Detail: fmt.Sprintf("The data set has no column %s, which the key names.", fault.Excerpt(strings.Join(key, ", ")))}
	}
	if !ingest.Declarable(list) {
		return nil, &invalid.Error{Detail: "A column of the key has a type that a key cannot have."}
	}
	return list, nil
}
