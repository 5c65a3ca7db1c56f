package keyed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
)

// Difference is what leads from one table to another.
type Difference struct {
	Columns []ColumnChange `json:"columns" nullable:"false" doc:"Columns that were added, removed or got another type"`
	Rows    RowCounts      `json:"rows"`
	Changes []RowChange    `json:"changes" nullable:"false" doc:"The first changed rows, ordered by their key"`
}

// ColumnChange is a column that differs.
type ColumnChange struct {
	Name string `json:"name"`
	From string `json:"from,omitempty" doc:"Type before; absent for an added column"`
	To   string `json:"to,omitempty" doc:"Type after; absent for a removed column"`
}

// RowCounts counts rows by what happened to them.
type RowCounts struct {
	From      int64            `json:"from" doc:"Rows before"`
	To        int64            `json:"to" doc:"Rows after"`
	Added     int64            `json:"added"`
	Removed   int64            `json:"removed"`
	Changed   int64            `json:"changed" doc:"Rows with the same key and other values in the columns that both versions have"`
	Unchanged int64            `json:"unchanged"`
	ByColumn  map[string]int64 `json:"by_column" nullable:"false" doc:"For each column with changes, how many of the changed rows have another value in it"`
}

// RowChange is a row that was added, removed or changed.
type RowChange struct {
	Change string         `json:"change" enum:"added,removed,changed"`
	Key    map[string]any `json:"key" doc:"The columns of the key"`
	From   map[string]any `json:"from,omitempty" doc:"Values before: of the whole row if it was removed, else of the changed columns"`
	To     map[string]any `json:"to,omitempty" doc:"Values after: of the whole row if it was added, else of the changed columns"`
}

// Diff compares two tables by a key, with up to limit changed rows. A key that does not fit gives an
// *invalid.Error.
func Diff(ctx context.Context, from, to Table, key []string, limit int, o Options) (d *Difference, err error) {
	err = with(ctx, o, []input{{"f", from}, {"t", to}}, func(w work, columns [][]engine.Field) error {
		c := comparison{work: w, before: columns[0], after: columns[1]}
		if c.key, err = resolve(key, c.before, "The older version"); err != nil {
			return err
		}
		if _, err := resolve(key, c.after, "The newer version"); err != nil {
			return err
		}
		if err := w.unique(ctx, "f", "The older version", c.key); err != nil {
			return err
		}
		if err := w.unique(ctx, "t", "The newer version", c.key); err != nil {
			return err
		}
		d = &Difference{Columns: c.columns(), Changes: []RowChange{}}
		if err := c.count(ctx, &d.Rows); err != nil {
			return err
		}
		return c.sample(ctx, limit, d)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// comparison is a comparison of the views f and t.
type comparison struct {
	work
	before, after []engine.Field
	key           []string
	both          []pair // the columns outside of the key that both have
}

// pair is a column of both tables.
type pair struct{ from, to engine.Field }

// differs is a condition: the values of the column differ. Values of different types are compared
// as text.
func (p pair) differs() string {
	a, b := "f."+engine.Identifier(p.from.Name), "t."+engine.Identifier(p.to.Name)
	if p.from.Type != p.to.Type {
		a, b = "CAST("+a+" AS VARCHAR)", "CAST("+b+" AS VARCHAR)"
	}
	return a + " IS DISTINCT FROM " + b
}

func find(fields []engine.Field, name string) int {
	return slices.IndexFunc(fields, func(f engine.Field) bool { return strings.EqualFold(f.Name, name) })
}

// columns matches the columns by name and returns those that differ.
func (c *comparison) columns() []ColumnChange {
	changes := []ColumnChange{}
	for _, f := range c.before {
		at := find(c.after, f.Name)
		switch {
		case at < 0:
			changes = append(changes, ColumnChange{Name: f.Name, From: f.Type})
			continue
		case c.after[at].Type != f.Type:
			changes = append(changes, ColumnChange{Name: f.Name, From: f.Type, To: c.after[at].Type})
		}
		if !slices.Contains(c.key, f.Name) {
			c.both = append(c.both, pair{f, c.after[at]})
		}
	}
	for _, f := range c.after {
		if find(c.before, f.Name) < 0 {
			changes = append(changes, ColumnChange{Name: f.Name, To: f.Type})
		}
	}
	return changes
}

// joined is every row of either table.
func (c *comparison) joined() string { return "f FULL JOIN t ON " + same("f.", "t.", c.key) }

// changed is a condition: a row with the same key in both has other values.
func (c *comparison) changed() string {
	conditions := []string{"false"}
	for _, p := range c.both {
		conditions = append(conditions, p.differs())
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

func (c *comparison) count(ctx context.Context, counts *RowCounts) error {
	first := engine.Identifier(c.key[0])
	list := []string{"count(f." + first + ")", "count(t." + first + ")",
		fmt.Sprintf("count(*) FILTER (f.%s IS NULL)", first), fmt.Sprintf("count(*) FILTER (t.%s IS NULL)", first),
		fmt.Sprintf("count(*) FILTER (f.%[1]s IS NOT NULL AND t.%[1]s IS NOT NULL AND %[2]s)", first, c.changed())}
	for _, p := range c.both {
		list = append(list, fmt.Sprintf("count(*) FILTER (f.%[1]s IS NOT NULL AND t.%[1]s IS NOT NULL AND %[2]s)", first, p.differs()))
	}
	row, err := c.Row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+c.joined())
	if err != nil {
		return err
	}
	n := func(i int) int64 { v, _ := row[i].(int64); return v }
	*counts = RowCounts{From: n(0), To: n(1), Added: n(2), Removed: n(3), Changed: n(4), ByColumn: map[string]int64{}}
	counts.Unchanged = counts.From - counts.Removed - counts.Changed
	for i, p := range c.both {
		if n(5+i) > 0 {
			counts.ByColumn[p.to.Name] = n(5 + i)
		}
	}
	return nil
}

// sample reads the first changed rows.
func (c *comparison) sample(ctx context.Context, limit int, d *Difference) error {
	if limit == 0 || d.Rows.Added+d.Rows.Removed+d.Rows.Changed == 0 {
		return nil
	}
	first := engine.Identifier(c.key[0])
	list := []string{fmt.Sprintf("CASE WHEN f.%[1]s IS NULL THEN 'added' WHEN t.%[1]s IS NULL THEN 'removed' ELSE 'changed' END", first)}
	var order []string
	for i, name := range c.key {
		column := engine.Identifier(name)
		list = append(list, fmt.Sprintf("coalesce(f.%[1]s, t.%[1]s) AS k%d", column, i))
		order = append(order, fmt.Sprintf("k%d", i))
	}
	for i, p := range c.both {
		list = append(list, fmt.Sprintf("%s AS d%d", p.differs(), i))
	}
	for i, f := range c.before {
		list = append(list, fmt.Sprintf("f.%s AS f%d", engine.Identifier(f.Name), i))
	}
	for i, f := range c.after {
		list = append(list, fmt.Sprintf("t.%s AS t%d", engine.Identifier(f.Name), i))
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE f.%[3]s IS NULL OR t.%[3]s IS NULL OR %[4]s ORDER BY %[5]s LIMIT %[6]d",
		strings.Join(list, ", "), c.joined(), first, c.changed(), strings.Join(order, ", "), limit)
	if err := c.Exec(ctx, "CREATE TEMP TABLE sample AS "+query); err != nil {
		return err
	}
	fields, err := c.Fields(ctx, "sample")
	if err != nil {
		return err
	}
	return c.Each(ctx, "SELECT "+engine.Projection(fields)+" FROM sample", func(row []any) error {
		d.Changes = append(d.Changes, c.change(fields, row))
		return nil
	})
}

// change converts a row of the sample.
func (c *comparison) change(fields []engine.Field, row []any) RowChange {
	value := func(i int) any { return fields[i].Value(row[i]) }
	kind, _ := row[0].(string)
	out := RowChange{Change: kind, Key: map[string]any{}}
	at := 1
	for i, name := range c.key {
		out.Key[name] = value(at + i)
	}
	at += len(c.key)
	differs := map[string]bool{}
	for i, p := range c.both {
		if row[at+i] == true {
			differs[p.from.Name], differs[p.to.Name] = true, true
		}
	}
	at += len(c.both)
	members := func(fields []engine.Field, at int, absent string) map[string]any {
		if kind == absent {
			return nil
		}
		values := map[string]any{}
		for i, f := range fields {
			if kind != "changed" || differs[f.Name] {
				values[f.Name] = value(at + i)
			}
		}
		return values
	}
	out.From = members(c.before, at, "added")
	out.To = members(c.after, at+len(c.before), "removed")
	return out
}
