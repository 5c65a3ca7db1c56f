package scim

import (
	"strings"
	"time"

	parser "github.com/scim2/filter-parser/v2"
)

// Limits of a filter and of a path. They bound the recursion of the parser.
const (
	maxFilter  = 4096 // bytes
	maxNesting = 20   // parentheses and brackets
)

// Filter is a condition on resources (RFC 7644 §3.4.2.2).
type Filter struct {
	of         ResourceType
	expression parser.Expression
}

// ParseFilter parses a filter and checks it against the schema. Every error is an invalidFilter.
func (t ResourceType) ParseFilter(filter string) (Filter, error) {
	if err := checkLength(filter, InvalidFilter); err != nil {
		return Filter{}, err
	}
	expression, err := parse(filter)
	if err != nil {
		return Filter{}, BadRequest(InvalidFilter, "The filter is not valid (RFC 7644 §3.4.2.2)")
	}
	scope := scope{t.resolve}
	if err := scope.check(expression); err != nil {
		return Filter{}, err
	}
	return Filter{t, expression}, nil
}

func checkLength(s string, kind Kind) error {
	if len(s) > maxFilter || strings.Count(s, "(")+strings.Count(s, "[") > maxNesting {
		return BadRequest(kind, "A filter or path can have at most %d bytes and %d parentheses and brackets", maxFilter, maxNesting)
	}
	return nil
}

// Matches reports whether a normalized resource matches the filter.
func (f Filter) Matches(r Resource) bool { return scope{f.of.resolve}.matches(f.expression, r) }

// Equals returns the values that attributes must have, or contain if they are multi-valued, in
// every matching resource. A store can use them for an index lookup. exact reports that the
// filter has no other conditions.
func (f Filter) Equals() (equals map[string]string, exact bool) {
	equals = map[string]string{}
	return equals, equalities(f, f.expression, equals)
}

func equalities(f Filter, e parser.Expression, equals map[string]string) (exact bool) {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		if e.Operator == parser.AND {
			left, right := equalities(f, e.Left, equals), equalities(f, e.Right, equals)
			return left && right
		}
	case *parser.AttributeExpression:
		p, _ := f.of.resolve(e.AttributePath.URI(), e.AttributePath.AttributeName)
		value, ok := e.CompareValue.(string)
		sub := e.AttributePath.SubAttributeName()
		switch {
		case !ok || e.Operator != parser.EQ || p.extension != "":
		case p.MultiValued && p.hasValue() && (sub == "" || strings.EqualFold(sub, "value")):
			require(equals, p.Name, value)
		case sub == "" && !p.MultiValued && p.Type == text:
			return require(equals, p.Name, value)
		}
	case *parser.ValuePath:
		p, _ := f.of.resolve(e.AttributePath.URI(), e.AttributePath.AttributeName)
		if value, ok := valueOf(e.ValueFilter); ok && p.extension == "" && p.hasValue() {
			require(equals, p.Name, value)
		}
	}
	return false
}

// valueOf returns the value that a condition in brackets requires of the sub-attribute `value`.
func valueOf(e parser.Expression) (value string, ok bool) {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		if e.Operator == parser.AND {
			if value, ok = valueOf(e.Left); !ok {
				value, ok = valueOf(e.Right)
			}
		}
	case *parser.AttributeExpression:
		if e.Operator == parser.EQ && e.AttributePath.SubAttribute == nil && strings.EqualFold(e.AttributePath.AttributeName, "value") {
			value, ok = e.CompareValue.(string)
		}
	}
	return value, ok
}

// require notes a required value. It returns false if a different value is already required, in
// which case only the filter itself can decide.
func require(equals map[string]string, name, value string) bool {
	if before, again := equals[name]; again && before != value {
		return false
	}
	equals[name] = value
	return true
}

// scope resolves the attributes in a filter, either of a resource or of one value of a
// multi-valued attribute.
type scope struct {
	resolve func(schema, name string) (place, bool)
}

// within returns the scope of a filter in brackets.
func within(a Attribute) scope {
	return scope{func(schema, name string) (place, bool) {
		if schema != "" {
			return place{}, false
		}
		sub, ok := find(a.SubAttributes, name)
		return place{sub, ""}, ok
	}}
}

func (s scope) check(e parser.Expression) error {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		if err := s.check(e.Left); err != nil {
			return err
		}
		return s.check(e.Right)
	case *parser.NotExpression:
		return s.check(e.Expression)
	case *parser.ValuePath:
		p, ok := s.resolve(e.AttributePath.URI(), e.AttributePath.AttributeName)
		if !ok || p.Type != complexType || e.AttributePath.SubAttribute != nil {
			return BadRequest(InvalidFilter, "The filter names an unknown attribute")
		}
		return within(p.Attribute).check(e.ValueFilter)
	case *parser.AttributeExpression:
		a, ok := s.leaf(e.AttributePath)
		if !ok {
			return BadRequest(InvalidFilter, "The filter names an unknown attribute")
		}
		return comparable(a, e)
	}
	return BadRequest(InvalidFilter, "The filter is not valid (RFC 7644 §3.4.2.2)")
}

// leaf returns the attribute that a comparison refers to. For a complex attribute that is its
// sub-attribute `value`.
func (s scope) leaf(path parser.AttributePath) (Attribute, bool) {
	p, ok := s.resolve(path.URI(), path.AttributeName)
	if !ok {
		return p.Attribute, false
	}
	if sub := path.SubAttributeName(); sub != "" {
		return find(p.SubAttributes, sub)
	}
	return p.Attribute, true
}

func comparable(a Attribute, e *parser.AttributeExpression) error {
	if e.Operator == parser.PR || e.CompareValue == nil && (e.Operator == parser.EQ || e.Operator == parser.NE) {
		return nil
	}
	if a.Type == complexType {
		value, ok := find(a.SubAttributes, "value")
		if !ok {
			return BadRequest(InvalidFilter, "The filter compares a complex attribute: compare one of its sub-attributes instead")
		}
		a = value
	}
	switch value := e.CompareValue.(type) {
	case bool:
		if a.Type == boolean && (e.Operator == parser.EQ || e.Operator == parser.NE) {
			return nil
		}
	case string:
		switch a.Type {
		case text, reference:
			return nil
		case boolean:
			if _, err := a.text(value); err == nil && (e.Operator == parser.EQ || e.Operator == parser.NE) {
				return nil
			}
		case dateTime:
			if _, err := time.Parse(time.RFC3339, value); err == nil {
				return nil
			}
		}
	}
	return BadRequest(InvalidFilter, "The filter compares %s with a value of the wrong type", a.Name)
}

func (s scope) matches(e parser.Expression, object map[string]any) bool {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		if e.Operator == parser.AND {
			return s.matches(e.Left, object) && s.matches(e.Right, object)
		}
		return s.matches(e.Left, object) || s.matches(e.Right, object)
	case *parser.NotExpression:
		return !s.matches(e.Expression, object)
	case *parser.ValuePath:
		p, _ := s.resolve(e.AttributePath.URI(), e.AttributePath.AttributeName)
		for _, element := range elements(p.in(object)) {
			if value, ok := element.(map[string]any); ok && within(p.Attribute).matches(e.ValueFilter, value) {
				return true
			}
		}
	case *parser.AttributeExpression:
		return s.compares(e, object)
	}
	return false
}

// in returns the attribute's value in an object.
func (p place) in(object map[string]any) any {
	if p.extension != "" {
		object, _ = object[p.extension].(map[string]any)
	}
	return object[p.Name]
}

func elements(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

func (s scope) compares(e *parser.AttributeExpression, object map[string]any) bool {
	p, _ := s.resolve(e.AttributePath.URI(), e.AttributePath.AttributeName)
	a, sub := p.Attribute, e.AttributePath.SubAttributeName()
	if sub != "" {
		a, _ = find(p.SubAttributes, sub)
	} else if a.Type == complexType && e.Operator != parser.PR {
		a, _ = find(p.SubAttributes, "value")
		sub = a.Name
	}
	var values []any
	for _, value := range elements(p.in(object)) {
		if sub != "" {
			inner, _ := value.(map[string]any)
			value = inner[a.Name]
		}
		if value != nil {
			values = append(values, value)
		}
	}
	switch {
	case e.Operator == parser.PR:
		return len(values) > 0
	case e.Operator == parser.NE:
		equal := *e
		equal.Operator = parser.EQ
		return !s.compares(&equal, object)
	case e.CompareValue == nil:
		return len(values) == 0
	}
	for _, value := range values {
		if a.holds(e.Operator, value, e.CompareValue) {
			return true
		}
	}
	return false
}

func (a Attribute) holds(op parser.CompareOperator, value, to any) bool {
	switch v := value.(type) {
	case bool:
		wanted, ok := to.(bool)
		if t, isText := to.(string); isText {
			wanted, ok = strings.EqualFold(t, "true"), true
		}
		return ok && v == wanted
	case string:
		wanted, _ := to.(string)
		if a.Type == dateTime {
			return ordered(op, compareTimes(v, wanted))
		}
		if !a.CaseExact {
			v, wanted = strings.ToLower(v), strings.ToLower(wanted)
		}
		switch op {
		case parser.CO:
			return strings.Contains(v, wanted)
		case parser.SW:
			return strings.HasPrefix(v, wanted)
		case parser.EW:
			return strings.HasSuffix(v, wanted)
		}
		return ordered(op, strings.Compare(v, wanted))
	}
	return false
}

func compareTimes(a, b string) int {
	x, _ := time.Parse(time.RFC3339, a)
	y, _ := time.Parse(time.RFC3339, b)
	return x.Compare(y)
}

func ordered(op parser.CompareOperator, sign int) bool {
	switch op {
	case parser.EQ:
		return sign == 0
	case parser.GT:
		return sign > 0
	case parser.GE:
		return sign >= 0
	case parser.LT:
		return sign < 0
	case parser.LE:
		return sign <= 0
	}
	return false
}
