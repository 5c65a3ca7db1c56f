//go:build cgo

package engine

import (
	"fmt"
	"strings"
)

// sqlType is a type as DuckDB writes it, taken apart: DECIMAL(10,2), STRUCT(a BIGINT, b DATE[]), MAP(VARCHAR, JSON) …
type sqlType struct {
	name    string   // of a plain type the whole text; STRUCT, UNION, MAP, or LIST for lists and arrays
	suffix  string   // LIST: what follows the element's type, [] or [3]
	members []member // LIST: its element; MAP: key and value
}

type member struct {
	name string // STRUCT and UNION
	sqlType
}

// parseType takes a type's text apart.
func parseType(text string) sqlType {
	p := typeParser{text}
	return p.next()
}

// String writes the type as SQL.
func (t sqlType) String() string {
	parts := make([]string, len(t.members))
	for i, m := range t.members {
		if parts[i] = m.sqlType.String(); t.name == "STRUCT" || t.name == "UNION" {
			parts[i] = identifier(m.name) + " " + parts[i]
		}
	}
	switch t.name {
	case "LIST":
		return parts[0] + t.suffix
	case "STRUCT", "UNION", "MAP":
		return t.name + "(" + strings.Join(parts, ", ") + ")"
	}
	return t.name
}

// leaves is the type with every plain type in it replaced.
func (t sqlType) leaves(replace func(name string) string) sqlType {
	if len(t.members) == 0 {
		return sqlType{name: replace(t.name)}
	}
	members := make([]member, len(t.members))
	for i, m := range t.members {
		members[i] = member{m.name, m.sqlType.leaves(replace)}
	}
	return sqlType{t.name, t.suffix, members}
}

// has tells whether some plain type in t is one that is looked for.
func (t sqlType) has(wanted func(name string) bool) bool {
	found := false
	t.leaves(func(name string) string { found = found || wanted(name); return name })
	return found
}

// typeParser reads a type from the start of rest.
type typeParser struct{ rest string }

func (p *typeParser) next() sqlType {
	t := p.base()
	for strings.HasPrefix(p.rest, "[") {
		end := strings.IndexByte(p.rest, ']') + 1
		t = sqlType{name: "LIST", suffix: p.rest[:end], members: []member{{"", t}}}
		p.rest = p.rest[end:]
	}
	return t
}

func (p *typeParser) base() sqlType {
	for _, name := range []string{"STRUCT", "UNION", "MAP"} {
		rest, ok := strings.CutPrefix(p.rest, name+"(")
		if !ok {
			continue
		}
		p.rest = rest
		t := sqlType{name: name}
		for p.rest != "" && !strings.HasPrefix(p.rest, ")") {
			var m member
			if name != "MAP" {
				m.name = p.identifier()
			}
			m.sqlType = p.next()
			t.members = append(t.members, m)
			p.rest = strings.TrimPrefix(p.rest, ", ")
		}
		p.rest = strings.TrimPrefix(p.rest, ")")
		return t
	}
	return sqlType{name: p.plain()}
}

// identifier reads a member's name, quoted or not, and the space after it.
func (p *typeParser) identifier() string {
	if !strings.HasPrefix(p.rest, `"`) {
		name, rest, _ := strings.Cut(p.rest, " ")
		p.rest = rest
		return name
	}
	end := quotedEnd(p.rest)
	name := strings.ReplaceAll(p.rest[1:end-1], `""`, `"`)
	p.rest = strings.TrimPrefix(p.rest[end:], " ")
	return name
}

// plain reads up to the comma, bracket or parenthesis that ends a type without members.
func (p *typeParser) plain() string {
	depth, i := 0, 0
	for ; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\'' || c == '"':
			i += quotedEnd(p.rest[i:]) - 1
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && (c == ')' || c == ',' || c == '['):
			name := p.rest[:i]
			p.rest = p.rest[i:]
			return name
		}
	}
	name := p.rest
	p.rest = ""
	return name
}

// quotedEnd is the length of the quoted text at the start, in which a quote is doubled.
func quotedEnd(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] != text[0] {
			continue
		}
		if i+1 == len(text) || text[i+1] != text[0] {
			return i + 1
		}
		i++
	}
	return len(text)
}

// readable tells whether the driver and the answers know a plain type.
func readable(name string) bool {
	name, _, _ = strings.Cut(name, "(")
	switch name {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "BIT", "UUID", "JSON", "ENUM", "INTERVAL", "DATE", "TIME", "TIME WITH TIME ZONE",
		"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "VARIANT", "GEOMETRY":
		return true
	}
	return false
}

// unreadable refuses a column of a type that nothing could read back.
func unreadable(name, sqlType string) error {
	return &InvalidError{Detail: fmt.Sprintf("Column %s has the type %s, which is not read here: write it as another type, such as text.", excerpt(name), sqlType)}
}
