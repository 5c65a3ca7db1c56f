package keyed

import (
	"context"
	"fmt"
	"strings"

	"function/shared/engine"
)

// MergePreview is what a merge would do.
type MergePreview struct {
	Ours          SideChanges `json:"ours" doc:"Changes of the branch that gets the changes, since the common version"`
	Theirs        SideChanges `json:"theirs" doc:"Changes of the branch that is merged, since the common version"`
	ConflictCount int64       `json:"conflict_count" doc:"Rows that both changed to different values"`
	Conflicts     []Conflict  `json:"conflicts" nullable:"false" doc:"The first conflicts, ordered by their key"`
}

// SideChanges counts the rows that one side changed.
type SideChanges struct {
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Removed int64 `json:"removed"`
}

// Conflict is a row that both sides changed to different values.
type Conflict struct {
	Key    map[string]any `json:"key" doc:"The columns of the key"`
	Base   map[string]any `json:"base,omitempty" doc:"The row in the common version; absent if both branches added it"`
	Ours   map[string]any `json:"ours,omitempty" doc:"The row in the branch that gets the changes; absent if it was removed there"`
	Theirs map[string]any `json:"theirs,omitempty" doc:"The row in the branch that is merged; absent if it was removed there"`
}

// PreviewMerge returns what Merge would do, with up to limit conflicts. A key that does not fit gives
// an *invalid.Error.
func PreviewMerge(ctx context.Context, base, ours, theirs Table, key []string, limit int, o Options) (p *MergePreview, err error) {
	err = withMerge(ctx, base, ours, theirs, key, o, func(m merging) error {
		p = &MergePreview{Conflicts: []Conflict{}}
		if err := m.count(ctx, p); err != nil {
			return err
		}
		return m.first(ctx, limit, p)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (m merging) count(ctx context.Context, p *MergePreview) error {
	list := []string{"count(*) FILTER (take IS NULL)"}
	for _, side := range []string{"ours", "theirs"} {
		list = append(list,
			fmt.Sprintf("count(*) FILTER (%s AND NOT %s)", m.exists(side), m.exists("base")),
			fmt.Sprintf("count(*) FILTER (%s AND %s AND %s IS DISTINCT FROM base)", m.exists(side), m.exists("base"), side),
			fmt.Sprintf("count(*) FILTER (NOT %s AND %s)", m.exists(side), m.exists("base")))
	}
	row, err := m.Row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM merged")
	if err != nil {
		return err
	}
	n := func(i int) int64 { v, _ := row[i].(int64); return v }
	p.ConflictCount = n(0)
	p.Ours = SideChanges{Added: n(1), Changed: n(2), Removed: n(3)}
	p.Theirs = SideChanges{Added: n(4), Changed: n(5), Removed: n(6)}
	return nil
}

// first reads the first conflicts.
func (m merging) first(ctx context.Context, limit int, p *MergePreview) error {
	list := []string{m.keys("")}
	all := []string{"base", "ours", "theirs"}
	for _, side := range all {
		list = append(list, fmt.Sprintf("%s AS in_%s", m.exists(side), side))
		for i := range m.fields {
			list = append(list, fmt.Sprintf("%[1]s.c%[2]d AS %[1]s%[2]d", side, i))
		}
	}
	err := m.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE sample AS SELECT %s FROM merged WHERE take IS NULL ORDER BY %s LIMIT %d", strings.Join(list, ", "), m.keys(""), limit))
	if err != nil {
		return err
	}
	fields, err := m.Fields(ctx, "sample")
	if err != nil {
		return err
	}
	return m.Each(ctx, "SELECT "+engine.Projection(fields)+" FROM sample ORDER BY "+m.keys(""), func(row []any) error {
		c := Conflict{Key: map[string]any{}}
		for i, name := range m.keyNames() {
			c.Key[name] = fields[i].Value(row[i])
		}
		at := len(m.key)
		for _, side := range []*map[string]any{&c.Base, &c.Ours, &c.Theirs} {
			if row[at] == true {
				*side = map[string]any{}
				for i, f := range m.fields {
					(*side)[f.Name] = fields[at+1+i].Value(row[at+1+i])
				}
			}
			at += 1 + len(m.fields)
		}
		p.Conflicts = append(p.Conflicts, c)
		return nil
	})
}
