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
	return with(ctx, o, []input{{"base", base}, {"changes", Table{changes}}}, func(w work, columns [][]engine.Field) error {
		if err := equal(columns[0], columns[1]); err != nil {
			return err
		}
		key, err := w.keyOf(ctx, "changes", key, columns[0], "The data set")
		if err != nil {
			return err
		}
		list := identifiers("", names(columns[0]))
		return w.write(ctx, fmt.Sprintf("SELECT %[1]s FROM base ANTI JOIN changes ON %[2]s UNION ALL SELECT %[1]s FROM changes", list, same("base.", "changes.", key)), dst)
	})
}

// Delete writes to dst the rows of base without those whose key is in keys, a table of the columns
// of the key. It returns an *invalid.Error for a key that does not fit.
func Delete(ctx context.Context, base Table, keys string, key []string, dst string, o Options) error {
	return with(ctx, o, []input{{"base", base}, {"keys", Table{keys}}}, func(w work, columns [][]engine.Field) error {
		key, err := w.keyOf(ctx, "keys", key, columns[0], "The data set")
		if err != nil {
			return err
		}
		return w.write(ctx, fmt.Sprintf("SELECT %s FROM base ANTI JOIN keys ON %s", identifiers("", names(columns[0])), same("base.", "keys.", key)), dst)
	})
}

// keyOf returns the columns of a key, as a table with these fields spells them, if the key
// identifies every row of the file in a view.
func (w work) keyOf(ctx context.Context, view string, key []string, fields []engine.Field, table string) ([]string, error) {
	key, err := resolve(key, fields, table)
	if err != nil {
		return nil, err
	}
	return key, w.unique(ctx, view, "The file", key)
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
	return with(ctx, o, []input{{"base", base}, {"file", Table{file}}}, func(_ work, columns [][]engine.Field) error {
		return equal(columns[0], columns[1])
	})
}

// Check returns an *invalid.Error unless a key identifies every row of a file.
func Check(ctx context.Context, file string, key []string, o Options) error {
	return with(ctx, o, []input{{"file", Table{file}}}, func(w work, columns [][]engine.Field) error {
		_, err := w.keyOf(ctx, "file", key, columns[0], "The file")
		return err
	})
}

// Concatenate writes all rows of a table to one file, in order.
func Concatenate(ctx context.Context, t Table, dst string, o Options) error {
	return with(ctx, o, []input{{"whole", t}}, func(w work, _ [][]engine.Field) error {
		return w.write(ctx, "SELECT * FROM whole", dst)
	})
}
