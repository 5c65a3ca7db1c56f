package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
)

// What a list of parameters may hold, and all parameters together.
const (
	maxList  = 1_000
	maxBound = 10_000
)

// Parameter is a JSON string, number, boolean or null, whose digits are kept as
// they were written, or a list of them.
type Parameter struct{ value any }

// Schema implements huma.SchemaProvider.
func (Parameter) Schema(huma.Registry) *huma.Schema {
	most := maxList
	scalars := []*huma.Schema{{Type: huma.TypeString, Nullable: true}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}
	list := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{AnyOf: scalars}, MaxItems: &most}
	return &huma.Schema{AnyOf: append(scalars[:len(scalars):len(scalars)], list)}
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Parameter) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(&p.value)
}

// MarshalJSON implements json.Marshaler.
func (p Parameter) MarshalJSON() ([]byte, error) { return json.Marshal(p.value) }

// bound are the values that stand for the placeholders of a query, one each, and
// the query with as many placeholders: in IN (…) a list stands for its items.
type bound struct {
	text   numbered
	values []any // no lists; in PostgreSQL a list outside of IN is an array
}

// bindDatasets makes a list elsewhere a list of DuckDB. Without lists the query
// stays as it is, for DuckDB's own parser to read.
func bindDatasets(sql string, parameters []Parameter) (bound, error) {
	b := bound{text: numbered{sql: sql}}
	for _, p := range parameters {
		if _, ok := p.value.([]any); ok {
			return bind(sql, parameters, func(list []any, item bool, b *bound) (string, error) {
				switch marks := strings.TrimSuffix(strings.Repeat("?, ", len(list)), ", "); {
				case !item:
					b.values = append(b.values, list...)
					return "[" + marks + "]", nil
				case len(list) == 0:
					return "SELECT NULL WHERE false", nil
				default:
					b.values = append(b.values, list...)
					return marks, nil
				}
			}, func(int) string { return "?" })
		}
		b.values = append(b.values, p.value)
	}
	return b, nil
}

// bindProjections makes a list elsewhere an array of PostgreSQL.
func bindProjections(sql string, parameters []Parameter) (bound, error) {
	dollar := func(n int) string { return " $" + strconv.Itoa(n) + " " }
	return bind(sql, parameters, func(list []any, item bool, b *bound) (string, error) {
		if !item {
			b.values = append(b.values, arrayLiteral(list))
			return dollar(len(b.values)), nil
		}
		if len(list) == 0 {
			return "", fault.At("body.parameters", "an empty list cannot stand in IN (?): write = ANY(?) for IN, <> ALL(?) for NOT IN")
		}
		marks := make([]string, len(list))
		for i, v := range list {
			b.values = append(b.values, v)
			marks[i] = dollar(len(b.values))
		}
		return strings.Join(marks, ","), nil
	}, dollar)
}

func bind(sql string, parameters []Parameter, list func([]any, bool, *bound) (string, error), scalar func(n int) string) (bound, error) {
	var b bound
	var refused error
	n := 0
	text, err := rewrite(sql, func(item bool) string {
		if n++; n > len(parameters) {
			return "?"
		}
		items, ok := parameters[n-1].value.([]any)
		if !ok {
			b.values = append(b.values, parameters[n-1].value)
			return scalar(len(b.values))
		}
		mark, err := list(items, item, &b)
		if err != nil && refused == nil {
			refused = err
		}
		return mark
	})
	switch b.text = text; {
	case err != nil:
		return b, err
	case n != len(parameters):
		return b, wrong(0, "the query has %d ? and there are %d parameters", n, len(parameters))
	case len(b.values) > maxBound:
		return b, fault.At("body.parameters", "the parameters hold more than %d values", maxBound)
	}
	return b, refused
}

// arrayLiteral is a list as PostgreSQL reads an array of any type.
func arrayLiteral(list []any) string {
	items := make([]string, len(list))
	for i, v := range list {
		if items[i] = "NULL"; v != nil {
			items[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(fmt.Sprint(v)) + `"`
		}
	}
	return "{" + strings.Join(items, ",") + "}"
}
