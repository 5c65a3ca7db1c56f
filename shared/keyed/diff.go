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

	Names []string `json:"-"` // all columns: those of the newer table in its order, then those that were removed
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
		if c.keyAfter, err = resolve(key, c.after, "The newer version"); err != nil {
			return err
		}
		if err := w.unique(ctx, "f", "The older version", c.key); err != nil {
			return err
		}
		if err := w.unique(ctx, "t", "The newer version", c.keyAfter); err != nil {
			return err
		}
		d = &Difference{Columns: c.columns(), Changes: []RowChange{}, Names: names(c.after)}
		for _, f := range c.before {
			if find(c.after, f.Name) < 0 {
				d.Names = append(d.Names, f.Name)
			}
		}
		if err := c.compare(ctx); err != nil {
			return err
		}
		if err := c.count(ctx, &d.Rows); err != nil {
			return err
		}
		d.Changes, err = c.first(ctx, limit)
		return err
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
	key, keyAfter []string // its columns, as each table spells them
	both          []pair   // the columns outside of the key that both have
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

// compare makes the table different: for each row that was added, removed or changed, its key in f and
// in t, and which columns differ. The rows themselves are read later, and only those that are shown.
func (c *comparison) compare(ctx context.Context) error {
	var list, same, differs []string
	for i, name := range c.key {
		f, t := "f."+engine.Identifier(name), "t."+engine.Identifier(c.keyAfter[i])
		list = append(list, fmt.Sprintf("%s AS f%d", f, i), fmt.Sprintf("%s AS t%d", t, i))
		if c.before[find(c.before, name)].Type != c.after[find(c.after, name)].Type {
			f, t = "CAST("+f+" AS VARCHAR)", "CAST("+t+" AS VARCHAR)"
		}
		list = append(list, fmt.Sprintf("coalesce(%s, %s) AS k%d", f, t, i))
		same = append(same, f+" = "+t)
	}
	for i, p := range c.both {
		list = append(list, fmt.Sprintf("%s AS d%d", p.differs(), i))
		differs = append(differs, p.differs())
	}
	differs = append(differs, "f."+engine.Identifier(c.key[0])+" IS NULL", "t."+engine.Identifier(c.keyAfter[0])+" IS NULL")
	return c.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE different AS SELECT %s FROM f FULL JOIN t ON %s WHERE %s",
		strings.Join(list, ", "), strings.Join(same, " AND "), strings.Join(differs, " OR ")))
}

func (c *comparison) count(ctx context.Context, counts *RowCounts) error {
	const changed = "f0 IS NOT NULL AND t0 IS NOT NULL"
	list := []string{"(SELECT count(*) FROM f)", "(SELECT count(*) FROM t)", "count(*) FILTER (f0 IS NULL)", "count(*) FILTER (t0 IS NULL)", "count(*) FILTER (" + changed + ")"}
	for i := range c.both {
		list = append(list, fmt.Sprintf("count(*) FILTER (%s AND d%d)", changed, i))
	}
	row, err := c.Row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM different")
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

// first reads the first rows that differ.
func (c *comparison) first(ctx context.Context, limit int) ([]RowChange, error) {
	var order, inF, inT []string
	list := []string{"CASE WHEN shown.f0 IS NULL THEN 'added' WHEN shown.t0 IS NULL THEN 'removed' ELSE 'changed' END"}
	for i, name := range c.key {
		order = append(order, fmt.Sprintf("k%d", i))
		inF = append(inF, fmt.Sprintf("f.%s = shown.f%d", engine.Identifier(name), i))
		inT = append(inT, fmt.Sprintf("t.%s = shown.t%d", engine.Identifier(c.keyAfter[i]), i))
		list = append(list, fmt.Sprintf("shown.k%d", i))
	}
	for i := range c.both {
		list = append(list, fmt.Sprintf("shown.d%d", i))
	}
	for i, f := range c.before {
		list = append(list, fmt.Sprintf("f.%s AS before%d", engine.Identifier(f.Name), i))
	}
	for i, f := range c.after {
		list = append(list, fmt.Sprintf("t.%s AS after%d", engine.Identifier(f.Name), i))
	}
	err := c.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE shown AS SELECT row_number() OVER (ORDER BY %[1]s) AS n, * FROM (FROM different ORDER BY %[1]s LIMIT %[2]d)", strings.Join(order, ", "), limit))
	if err != nil {
		return nil, err
	}
	// DuckDB uses the keys to skip parts of the files in a semi join, and not in a left join.
	err = c.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE sample AS SELECT %[1]s FROM shown LEFT JOIN (FROM f SEMI JOIN shown ON %[2]s) f ON %[2]s LEFT JOIN (FROM t SEMI JOIN shown ON %[3]s) t ON %[3]s ORDER BY shown.n",
		strings.Join(list, ", "), strings.Join(inF, " AND "), strings.Join(inT, " AND ")))
	if err != nil {
		return nil, err
	}
	fields, err := c.Fields(ctx, "sample")
	if err != nil {
		return nil, err
	}
	changes := []RowChange{}
	err = c.Each(ctx, "SELECT "+engine.Projection(fields)+" FROM sample", func(row []any) error {
		changes = append(changes, c.change(fields, row))
		return nil
	})
	return changes, err
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
