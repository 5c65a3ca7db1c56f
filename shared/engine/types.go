package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Type is the structure of a DuckDB type, parsed from its name.
type Type struct {
	Name   string   // without parameters: DECIMAL, VARCHAR …; LIST (arrays too), STRUCT, MAP or UNION
	labels []string // names of a struct's or union's members
	Parts  []Type   // a list's element; a map's key and value; members
}

// Leaf types. The driver returns values of the kept types unchanged; values of the others are selected as text, or as
// a type that is kept.
var (
	keptTypes = strings.Fields(`BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT
		BIGNUM FLOAT DOUBLE DECIMAL VARCHAR BLOB UUID DATE TIMESTAMP TIMESTAMP_NS INTERVAL ENUM NULL`)
	textTypes   = strings.Fields(`JSON TIME TIME_NS BIT VARIANT GEOMETRY`)
	zonedTime   = "TIME WITH TIME ZONE"
	zonedMoment = "TIMESTAMP WITH TIME ZONE"
)

// UnsupportedType is the error of a column whose values the driver cannot return.
type UnsupportedType struct{ Name string }

func (e *UnsupportedType) Error() string { return "unsupported type " + e.Name }

// ParseType parses the name of a type, such as STRUCT("a b" INTEGER, c MAP(VARCHAR, DECIMAL(9,2)[])).
func ParseType(name string) (Type, error) {
	p := typeParser{rest: name}
	t, ok := p.read()
	if !ok || p.rest != "" {
		return t, &UnsupportedType{name}
	}
	return t, nil
}

type typeParser struct{ rest string }

func (p *typeParser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

// read parses a supported type; ok is false for every other.
func (p *typeParser) read() (t Type, ok bool) {
	if p.take(zonedTime) {
		t.Name = zonedTime
	} else if p.take(zonedMoment) {
		t.Name = zonedMoment
	} else {
		t.Name = p.name(" ,()[")
	}
	if ok = t.carried(); p.take("(") {
		switch t.Name {
		case "STRUCT", "UNION":
			ok = p.members(&t)
		case "MAP":
			ok = p.member(&t) && p.take(", ") && p.member(&t) && p.take(")")
		default:
			ok = ok && p.parameters()
		}
	}
	for ok && p.take("[") {
		end := strings.IndexByte(p.rest, ']')
		if end < 0 || strings.Trim(p.rest[:end], "0123456789") != "" {
			return t, false
		}
		p.rest = p.rest[end+1:]
		t = Type{Name: "LIST", Parts: []Type{t}}
	}
	return t, ok
}

func (t Type) carried() bool {
	return slices.Contains(keptTypes, t.Name) || slices.Contains(textTypes, t.Name) ||
		t.Name == zonedTime || t.Name == zonedMoment || t.Name == "TIMESTAMP_S" || t.Name == "TIMESTAMP_MS"
}

// name parses an identifier, either quoted or up to one of the delimiters.
func (p *typeParser) name(delimiters string) string {
	if !strings.HasPrefix(p.rest, `"`) {
		end := strings.IndexAny(p.rest, delimiters)
		if end < 0 {
			end = len(p.rest)
		}
		name := p.rest[:end]
		p.rest = p.rest[end:]
		return name
	}
	var name strings.Builder
	for p.take(`"`) {
		part, rest, _ := strings.Cut(p.rest, `"`)
		if name.Len() > 0 {
			name.WriteByte('"')
		}
		name.WriteString(part)
		if p.rest = rest; !strings.HasPrefix(rest, `"`) {
			break
		}
	}
	return name.String()
}

func (p *typeParser) member(t *Type) bool {
	part, ok := p.read()
	t.Parts = append(t.Parts, part)
	return ok
}

// members parses "name TYPE, …)". DuckDB itself refuses results with structs whose members have no names.
func (p *typeParser) members(t *Type) bool {
	for {
		t.labels = append(t.labels, p.name(" "))
		switch {
		case !p.take(" ") || !p.member(t):
			return false
		case p.take(")"):
			return true
		case !p.take(", "):
			return false
		}
	}
}

// parameters skips the parameters of a leaf type, such as ENUM('a', ')').
func (p *typeParser) parameters() bool {
	quoted := false
	for i := range len(p.rest) {
		switch {
		case p.rest[i] == '\'':
			quoted = !quoted
		case p.rest[i] == ')' && !quoted:
			p.rest = p.rest[i+1:]
			return true
		}
	}
	return false
}

// expression selects x, a value of type t, in a form that the driver returns unchanged: the members of a struct are
// named by their position, a map is a list of its entries, and a union is its tag and all its members.
func (t Type) expression(x string, depth int) string {
	switch t.Name {
	case "TIMESTAMP_S", "TIMESTAMP_MS":
		return "CAST(" + x + " AS TIMESTAMP)"
	case "LIST":
		v := fmt.Sprintf("v%d", depth)
		if element := t.Parts[0].expression(v, depth+1); element != v {
			return fmt.Sprintf("list_transform(%s, lambda %s: %s)", x, v, element)
		}
		return x
	case "MAP":
		v := fmt.Sprintf("v%d", depth)
		return fmt.Sprintf("list_transform(map_entries(%s), lambda %s: struct_pack(\"0\" := %s, \"1\" := %s))", x, v,
			t.Parts[0].expression(v+".key", depth+1), t.Parts[1].expression(v+".value", depth+1))
	case "STRUCT":
		return t.pack(x, "", func(i int) string { return fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1) }, depth)
	case "UNION":
		tag := fmt.Sprintf("tag := CAST(union_tag(%s) AS VARCHAR), ", x)
		return t.pack(x, tag, func(i int) string { return fmt.Sprintf("union_extract(%s, %s)", x, Literal(t.labels[i])) }, depth)
	}
	if t.Name == zonedTime || slices.Contains(textTypes, t.Name) {
		return "CAST(" + x + " AS VARCHAR)"
	}
	return x
}

func (t Type) pack(x, first string, extract func(int) string, depth int) string {
	members := make([]string, len(t.Parts))
	for i, part := range t.Parts {
		members[i] = fmt.Sprintf("\"%d\" := %s", i, part.expression(extract(i), depth))
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN struct_pack(%s%s) END", x, first, strings.Join(members, ", "))
}
