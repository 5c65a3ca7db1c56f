package keyed

import (
	"context"
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/invalid"
)

// Sides of a merge that decide rows which both sides changed.
const (
	Ours   = "ours"
	Theirs = "theirs"
)

// Merge writes to dst the rows of ours with the changes that lead from base to theirs. Rows with
// the same key are the same row; one that both sides changed, to different values, is a conflict.
// prefer, Ours or Theirs, decides conflicts; if it is empty, a conflict gives an *invalid.Error that
// counts the conflicts and names some of their keys. So does a key that does not fit.
func Merge(ctx context.Context, base, ours, theirs Table, key []string, prefer, dst string, o Options) error {
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
		return w.merge(ctx, names(columns[0]), key, prefer, dst)
	})
}

// sides are the tables of a merge as its errors call them.
var sides = []string{"The branch", "The merged branch", "The common version"}

// merge merges the views o, t and a.
func (w work) merge(ctx context.Context, columns, key []string, prefer, dst string) error {
	if err := w.Exec(ctx, fmt.Sprintf(`CREATE VIEW merged AS
SELECT o, t, CASE WHEN t IS NOT DISTINCT FROM a THEN 'ours' WHEN o IS NOT DISTINCT FROM a THEN 'theirs' WHEN o IS NOT DISTINCT FROM t THEN 'ours' ELSE 'conflict' END AS side
FROM o FULL JOIN t ON %s FULL JOIN a ON %s`, same("o.", "t.", key), eitherSame(key))); err != nil {
		return err
	}
	if prefer == "" {
		if err := w.conflicts(ctx, key); err != nil {
			return err
		}
		prefer = Ours
	}
	chosen := fmt.Sprintf("CASE WHEN side = 'theirs' OR side = 'conflict' AND %t THEN t ELSE o END", prefer == Theirs)
	var list []string
	for _, name := range columns {
		list = append(list, "row."+engine.Identifier(name))
	}
	return w.write(ctx, fmt.Sprintf("SELECT %s FROM (SELECT %s AS row FROM merged) WHERE row.%s IS NOT NULL", strings.Join(list, ", "), chosen, engine.Identifier(key[0])), dst)
}

// eitherSame is a condition: the common version has the key of the row of either side.
func eitherSame(key []string) string {
	list := make([]string, len(key))
	for i, name := range key {
		column := engine.Identifier(name)
		list[i] = fmt.Sprintf("a.%[1]s = coalesce(o.%[1]s, t.%[1]s)", column)
	}
	return strings.Join(list, " AND ")
}

// shownConflicts is how many conflicts an error names.
const shownConflicts = 5

func (w work) conflicts(ctx context.Context, key []string) error {
	row, err := w.Row(ctx, "SELECT count(*) FROM merged WHERE side = 'conflict'")
	if err != nil {
		return err
	}
	total, _ := row[0].(int64)
	if total == 0 {
		return nil
	}
	var list []string
	for _, name := range key {
		list = append(list, fmt.Sprintf("CAST(coalesce(o.%[1]s, t.%[1]s) AS VARCHAR)", engine.Identifier(name)))
	}
	var some []string
	err = w.Each(ctx, fmt.Sprintf("SELECT %s FROM merged WHERE side = 'conflict' ORDER BY ALL LIMIT %d", strings.Join(list, ", "), shownConflicts), func(row []any) error {
		some = append(some, shown(key, row))
		return nil
	})
	if err != nil {
		return err
	}
	return &invalid.Error{Detail: fmt.Sprintf("Both branches changed %d rows to different values, such as those with %s. Merge with prefer=ours or prefer=theirs, or change these rows on one branch first.", total, strings.Join(some, "; "))}
}
