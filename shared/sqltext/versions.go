package sqltext

import "strings"

// VersionRef is table@ref in a query: a version of a data set.
type VersionRef struct{ Table, Ref string }

// Name is the name of the table in the rewritten query.
func (v VersionRef) Name() string { return v.Table + "@" + v.Ref }

// Versions finds the versions that a query names as table@ref, or as "table@ref" if the reference
// contains other characters than letters, digits, dots, dashes and underscores. It quotes them, so
// that the database takes each for the name of a table. SQL that it cannot read stays as it is, for
// the database's own parser to refuse.
func Versions(sql string) (Rewritten, []VersionRef) {
	unchanged := Rewritten{SQL: sql}
	if !strings.Contains(sql, "@") {
		return unchanged, nil
	}
	var found []VersionRef
	seen := map[VersionRef]bool{}
	s := scanner{sql: sql, version: func(table, ref string) {
		if v := (VersionRef{table, ref}); !seen[v] {
			seen[v], found = true, append(found, v)
		}
	}}
	text, err := s.rewrite()
	if err != nil {
		return unchanged, nil
	}
	return text, found
}
