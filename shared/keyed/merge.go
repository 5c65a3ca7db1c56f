package keyed

import (
	"context"
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/invalid"
)

// What a merge takes for a row that both sides changed.
const (
	Ours   = "ours"
	Theirs = "theirs"
	Base   = "base"
)

// Choices decide the conflicts of a merge.
type Choices struct {
	Prefer      string // Ours or Theirs decides the conflicts without a resolution; empty: they are an error
	Resolutions []Resolution
}

// Merge writes to dst the rows of ours with the changes that lead from base to theirs. Rows with
// the same key are the same row; one that both sides changed, to different values, is a conflict.
// A conflict that the choices leave open gives an *invalid.Error that counts the conflicts and names
// some of their keys. So does a key that does not fit, and a resolution of a row without a conflict.
func Merge(ctx context.Context, base, ours, theirs Table, key []string, c Choices, dst string, o Options) error {
	return withMerge(ctx, base, ours, theirs, key, o, func(m merging) error {
		if err := m.resolve(ctx, c.Resolutions); err != nil {
			return err
		}
		if c.Prefer == "" {
			if err := m.refuseConflicts(ctx); err != nil {
				return err
			}
		}
		return m.write(ctx, c.Prefer, dst)
	})
}

// sides are the tables of a merge as its errors call them.
var sides = []string{"The branch", "The merged branch", "The common version"}

// merging is a merge. Its view merged has a row for each key of the three tables, with
//   - ours, theirs and base: the rows, whose columns are c0, c1, … in the order of fields,
//   - k0, k1, …: the key,
//   - take: the side whose row the result gets, or NULL for a conflict.
type merging struct {
	work
	fields []engine.Field // of all tables
	key    []int          // its columns, as indexes of fields
}

func withMerge(ctx context.Context, base, ours, theirs Table, key []string, o Options, do func(m merging) error) error {
	inputs := []input{{"o", ours}, {"t", theirs}, {"a", base}}
	return with(ctx, o, inputs, func(w work, columns [][]engine.Field) error {
		key, err := resolve(key, columns[0], sides[0])
		if err != nil {
			return err
		}
		for i, in := range inputs {
			if equal(columns[0], columns[i]) != nil {
				return &invalid.Error{Detail: sides[i] + " has other columns: change the columns of one branch before merging."}
			}
			if err := w.unique(ctx, in.view, sides[i], key); err != nil {
				return err
			}
		}
		m := merging{work: w, fields: columns[0]}
		for _, name := range key {
			m.key = append(m.key, find(m.fields, name))
		}
		if err := m.join(ctx); err != nil {
			return err
		}
		return do(m)
	})
}

// join creates the views. The columns get names of ours, because a table's own could be mistaken for
// one of its rows.
func (m merging) join(ctx context.Context) error {
	var columns, keys, sameSides, sameBase []string
	for i, f := range m.fields {
		columns = append(columns, fmt.Sprintf("%s AS c%d", engine.Identifier(f.Name), i))
	}
	for i, at := range m.key {
		keys = append(keys, fmt.Sprintf("coalesce(ours.c%[1]d, theirs.c%[1]d, base.c%[1]d) AS k%[2]d", at, i))
		sameSides = append(sameSides, fmt.Sprintf("ours.c%[1]d = theirs.c%[1]d", at))
		sameBase = append(sameBase, fmt.Sprintf("base.c%[1]d = coalesce(ours.c%[1]d, theirs.c%[1]d)", at))
	}
	for _, view := range [][2]string{{"ours", "o"}, {"theirs", "t"}, {"base", "a"}} {
		if err := m.Exec(ctx, fmt.Sprintf("CREATE VIEW %s AS SELECT %s FROM %s", view[0], strings.Join(columns, ", "), view[1])); err != nil {
			return err
		}
	}
	return m.Exec(ctx, fmt.Sprintf(`CREATE VIEW merged AS
SELECT ours, theirs, base, %s, CASE WHEN theirs IS NOT DISTINCT FROM base THEN 'ours' WHEN ours IS NOT DISTINCT FROM base THEN 'theirs' WHEN ours IS NOT DISTINCT FROM theirs THEN 'ours' END AS take
FROM ours FULL JOIN theirs ON %s FULL JOIN base ON %s`, strings.Join(keys, ", "), strings.Join(sameSides, " AND "), strings.Join(sameBase, " AND ")))
}

// exists is a condition: the table of a side has the row.
func (m merging) exists(side string) string { return fmt.Sprintf("%s.c%d IS NOT NULL", side, m.key[0]) }

// keys lists the columns of the key for SQL.
func (m merging) keys(table string) string {
	list := make([]string, len(m.key))
	for i := range m.key {
		list[i] = fmt.Sprintf("%sk%d", table, i)
	}
	return strings.Join(list, ", ")
}

// sameKey is a condition: both tables have the key.
func (m merging) sameKey(a, b string) string {
	list := make([]string, len(m.key))
	for i := range m.key {
		list[i] = fmt.Sprintf("%[1]s.k%[3]d = %[2]s.k%[3]d", a, b, i)
	}
	return strings.Join(list, " AND ")
}

// keyNames lists the columns of the key as the tables spell them.
func (m merging) keyNames() []string {
	list := make([]string, len(m.key))
	for i, at := range m.key {
		list[i] = m.fields[at].Name
	}
	return list
}

// write writes the result to a new file.
func (m merging) write(ctx context.Context, prefer, dst string) error {
	if prefer == "" {
		prefer = Ours // there is no conflict
	}
	list := make([]string, len(m.fields))
	for i, f := range m.fields {
		list[i] = fmt.Sprintf("row.c%d AS %s", i, engine.Identifier(f.Name))
	}
	return m.work.write(ctx, fmt.Sprintf(`SELECT %s FROM (
    SELECT CASE coalesce(merged.take, resolved.take, '%s') WHEN 'ours' THEN ours WHEN 'theirs' THEN theirs ELSE base END AS row
    FROM merged LEFT JOIN resolved ON %s) WHERE %s`, strings.Join(list, ", "), prefer, m.sameKey("merged", "resolved"), m.exists("row")), dst)
}

// shownConflicts is how many conflicts an error names.
const shownConflicts = 5

// refuseConflicts returns an error if there are conflicts without a resolution.
func (m merging) refuseConflicts(ctx context.Context) error {
	from := "FROM (FROM merged WHERE take IS NULL) m ANTI JOIN resolved ON " + m.sameKey("m", "resolved")
	row, err := m.Row(ctx, "SELECT count(*) "+from)
	if err != nil {
		return err
	}
	total, _ := row[0].(int64)
	if total == 0 {
		return nil
	}
	var list, some []string
	for i := range m.key {
		list = append(list, fmt.Sprintf("CAST(m.k%d AS VARCHAR)", i))
	}
	err = m.Each(ctx, fmt.Sprintf("SELECT %s %s ORDER BY ALL LIMIT %d", strings.Join(list, ", "), from, shownConflicts), func(row []any) error {
		some = append(some, shown(m.keyNames(), row))
		return nil
	})
	if err != nil {
		return err
	}
	return &invalid.Error{Detail: fmt.Sprintf("Both branches changed %d rows to different values, such as those with %s. Preview the merge and decide these rows with resolutions, or merge with prefer=ours or prefer=theirs.", total, strings.Join(some, "; "))}
}
