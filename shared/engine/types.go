package engine

import (
	"fmt"
	"slices"
	"strings"
)

// sqlType is the structure of a DuckDB type, read from the name that DuckDB gives it.
type sqlType struct {
	name   string    // without parameters: DECIMAL, VARCHAR …; LIST (arrays too), STRUCT, MAP or UNION
	labels []string  // names of a struct's or union's members
	parts  []sqlType // a list's element; a map's key and value; members
}

// Leaf types as the driver hands them over, and those that it does not know or does not keep: those are selected as
// text, or as a type that it keeps.
var (
	keptTypes = strings.Fields(`BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT
		BIGNUM FLOAT DOUBLE DECIMAL VARCHAR BLOB UUID DATE TIMESTAMP TIMESTAMP_NS INTERVAL ENUM NULL`)
	textTypes   = strings.Fields(`JSON TIME TIME_NS BIT VARIANT GEOMETRY`)
	zonedTime   = "TIME WITH TIME ZONE"
	zonedMoment = "TIMESTAMP WITH TIME ZONE"
)

// unsupportedType is the error of a column whose values the driver cannot hand over.
type unsupportedType struct{ Name string }

func (e *unsupportedType) Error() string { return "unsupported type " + e.Name }

// parseType reads a type's name, such as STRUCT("a b" INTEGER, c MAP(VARCHAR, DECIMAL(9,2)[])).
func parseType(name string) (sqlType, error) {
	p := typeParser{rest: name}
	t, ok := p.read()
	if !ok || p.rest != "" {
		return t, &unsupportedType{name}
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

// read reads a type that is carried; ok is false for every other.
func (p *typeParser) read() (t sqlType, ok bool) {
	if p.take(zonedTime) {
		t.name = zonedTime
	} else if p.take(zonedMoment) {
		t.name = zonedMoment
	} else {
		t.name = p.name(" ,()[")
	}
	if ok = t.carried(); p.take("(") {
		switch t.name {
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
		t = sqlType{name: "LIST", parts: []sqlType{t}}
	}
	return t, ok
}

func (t sqlType) carried() bool {
	return slices.Contains(keptTypes, t.name) || slices.Contains(textTypes, t.name) ||
		t.name == zonedTime || t.name == zonedMoment || t.name == "TIMESTAMP_S" || t.name == "TIMESTAMP_MS"
}

// name reads an identifier, quoted or up to one of the delimiters.
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

func (p *typeParser) member(t *sqlType) bool {
	part, ok := p.read()
	t.parts = append(t.parts, part)
	return ok
}

// members reads "name TYPE, …)". DuckDB itself refuses answers with structs whose members have no names.
func (p *typeParser) members(t *sqlType) bool {
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

// parameters skips those of a leaf type, such as ENUM('a', ')').
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

// expression selects x, of type t, in a form that the driver hands over whole: members of structs are named by their
// place, a map is a list of its entries, and a union is its tag and each of its members.
func (t sqlType) expression(x string, depth int) string {
	switch t.name {
	case "TIMESTAMP_S", "TIMESTAMP_MS":
		return "CAST(" + x + " AS TIMESTAMP)"
	case "LIST":
		v := fmt.Sprintf("v%d", depth)
		if element := t.parts[0].expression(v, depth+1); element != v {
			return fmt.Sprintf("list_transform(%s, lambda %s: %s)", x, v, element)
		}
		return x
	case "MAP":
		v := fmt.Sprintf("v%d", depth)
		return fmt.Sprintf("list_transform(map_entries(%s), lambda %s: struct_pack(\"0\" := %s, \"1\" := %s))", x, v,
			t.parts[0].expression(v+".key", depth+1), t.parts[1].expression(v+".value", depth+1))
	case "STRUCT":
		return t.pack(x, "", func(i int) string { return fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1) }, depth)
	case "UNION":
		tag := fmt.Sprintf("tag := CAST(union_tag(%s) AS VARCHAR), ", x)
		return t.pack(x, tag, func(i int) string { return fmt.Sprintf("union_extract(%s, %s)", x, literal(t.labels[i])) }, depth)
	}
	if t.name == zonedTime || slices.Contains(textTypes, t.name) {
		return "CAST(" + x + " AS VARCHAR)"
	}
	return x
}

func (t sqlType) pack(x, first string, extract func(int) string, depth int) string {
	members := make([]string, len(t.parts))
	for i, part := range t.parts {
		members[i] = fmt.Sprintf("\"%d\" := %s", i, part.expression(extract(i), depth))
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN struct_pack(%s%s) END", x, first, strings.Join(members, ", "))
}
