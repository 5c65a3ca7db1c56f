package keyed

import (
	"context"
	"fmt"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Upsert writes to dst the rows of base, those with a key of changes replaced, and the other rows
// of changes. Both tables have the same columns. A key that does not fit gives an *invalid.Error.
func Upsert(ctx context.Context, base Table, changes string, key []string, dst string, o Options) error {
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	columns, err := w.view(ctx, "base", base)
	if err != nil {
		return err
	}
	changed, err := w.view(ctx, "changes", Table{changes})
	if err != nil {
		return err
	}
	if err := equal(columns, changed); err != nil {
		return err
	}
	if key, err = resolve(key, columns, "The data set"); err != nil {
		return err
	}
	if err := w.unique(ctx, "changes", "The file", key); err != nil {
		return err
	}
	list := identifiers("", names(columns))
	return w.write(ctx, fmt.Sprintf("SELECT %[1]s FROM base ANTI JOIN changes ON %[2]s UNION ALL SELECT %[1]s FROM changes", list, same("base.", "changes.", key)), dst)
}

// Delete writes to dst the rows of base without those whose key is in keys, a table of the columns
// of the key. It returns an *invalid.Error for a key that does not fit.
func Delete(ctx context.Context, base Table, keys string, key []string, dst string, o Options) error {
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	columns, err := w.view(ctx, "base", base)
	if err != nil {
		return err
	}
	if _, err := w.view(ctx, "keys", Table{keys}); err != nil {
		return err
	}
	if key, err = resolve(key, columns, "The data set"); err != nil {
		return err
	}
	if err := w.unique(ctx, "keys", "The file", key); err != nil {
		return err
	}
	return w.write(ctx, fmt.Sprintf("SELECT %s FROM base ANTI JOIN keys ON %s", identifiers("", names(columns)), same("base.", "keys.", key)), dst)
}

// equal returns an error unless two tables have the same columns.
func equal(want, got []engine.Field) error {
	if len(want) != len(got) {
		return &invalid.Error{Detail: fmt.Sprintf("The file has %d columns, the data set %d.", len(got), len(want))}
	}
	for i, f := range want {
		if got[i].Name != f.Name || got[i].Type != f.Type {
			return &invalid.Error{Detail: fmt.Sprintf("Column %d of the file is %s of type %s; the data set has %s of type %s.",
				i+1, fault.Excerpt(got[i].Name), fault.Excerpt(got[i].Type), fault.Excerpt(f.Name), fault.Excerpt(f.Type))}
		}
	}
	return nil
}

// Equal returns an *invalid.Error unless a file has the same columns as base.
func Equal(ctx context.Context, base Table, file string, o Options) error {
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	want, err := w.view(ctx, "base", base)
	if err != nil {
		return err
	}
	got, err := w.view(ctx, "file", Table{file})
	if err != nil {
		return err
	}
	return equal(want, got)
}

// Check returns an *invalid.Error unless a key identifies every row of a table.
func Check(ctx context.Context, t Table, key []string, o Options) error {
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	columns, err := w.view(ctx, "file", t)
	if err != nil {
		return err
	}
	if key, err = resolve(key, columns, "The file"); err != nil {
		return err
	}
	return w.unique(ctx, "file", "The file", key)
}

// Concatenate writes all rows of a table to one file, in order.
func Concatenate(ctx context.Context, t Table, dst string, o Options) error {
	w, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	if _, err := w.view(ctx, "whole", t); err != nil {
		return err
	}
	return w.write(ctx, "SELECT * FROM whole", dst)
}
