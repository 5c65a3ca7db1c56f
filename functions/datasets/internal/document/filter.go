package document

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"function/shared/fault"
)

// Limits of a filter.
const (
	maxConditions = 200
	maxFilter     = 16 // levels
)

// Filter decides which documents are found. A condition on a path holds if it holds for one of the
// values that the path leads to, or for an element of such a value, as in MongoDB. Unlike in MongoDB,
// null is not a missing field.
type Filter struct {
	matches func(document any) bool
	equal   []equality // that every document which matches has
}

type equality struct {
	path  string
	value any
}

// Matches reports whether a document is found.
func (f Filter) Matches(document map[string]any) bool { return f.matches == nil || f.matches(document) }

// ParseFilter decodes a filter, which is a JSON object.
func ParseFilter(text []byte) (Filter, error) {
	if len(text) == 0 {
		return Filter{}, nil
	}
	value, err := decode(text)
	if err != nil {
		return Filter{}, err
	}
	if err := check(value, "body.filter", 0); err != nil {
		return Filter{}, err
	}
	p := &filterParser{}
	return p.all(value, "body.filter", 0)
}

type filterParser struct{ conditions int }

func (p *filterParser) count(at string, depth int) error {
	if p.conditions++; p.conditions > maxConditions {
		return fault.At("body.filter", "a filter has at most %d conditions", maxConditions)
	}
	if depth > maxFilter {
		return fault.At(at, "a filter has at most %d levels", maxFilter)
	}
	return nil
}

// all parses an object, all of whose conditions must hold.
func (p *filterParser) all(value any, at string, depth int) (Filter, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return Filter{}, fault.At(at, "a filter is an object, such as {\"status\": \"open\"}")
	}
	if err := p.count(at, depth); err != nil {
		return Filter{}, err
	}
	var parts []Filter
	for name, condition := range object {
		var part Filter
		var err error
		switch {
		case name == "$and" || name == "$or":
			part, err = p.several(name, condition, at+"."+name, depth+1)
		case name == "$not":
			part, err = p.all(condition, at+"."+name, depth+1)
			part = not(part)
		case strings.HasPrefix(name, "$"):
			err = fault.At(at, "%q is not an operator of a filter: use $and, $or, $not or the name of a field", name)
		default:
			part, err = p.field(name, condition, at+"."+name, depth+1)
		}
		if err != nil {
			return Filter{}, err
		}
		parts = append(parts, part)
	}
	return and(parts), nil
}

func (p *filterParser) several(operator string, value any, at string, depth int) (Filter, error) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return Filter{}, fault.At(at, "%s takes an array of at least one filter", operator)
	}
	var parts []Filter
	for i, element := range list {
		part, err := p.all(element, fmt.Sprintf("%s[%d]", at, i), depth)
		if err != nil {
			return Filter{}, err
		}
		parts = append(parts, part)
	}
	if operator == "$and" {
		return and(parts), nil
	}
	return Filter{matches: func(document any) bool {
		return slices.ContainsFunc(parts, func(f Filter) bool { return f.matches(document) })
	}}, nil
}

// field parses the condition on a field: a value that it equals, or an object of operators.
func (p *filterParser) field(name string, condition any, at string, depth int) (Filter, error) {
	if !ValidPath(name) {
		return Filter{}, fault.At(at, "a path has a name between dots, such as address.city, and at most %d bytes", maxPath)
	}
	object, ok := condition.(map[string]any)
	operators := 0
	for operator := range object {
		if strings.HasPrefix(operator, "$") {
			operators++
		}
	}
	switch {
	case !ok || operators == 0:
		return p.operator(name, "$eq", condition, at, depth)
	case operators < len(object):
		return Filter{}, fault.At(at, "operators and names are mixed: use the path of the nested field, such as address.city, beside this one")
	}
	var parts []Filter
	for operator, operand := range object {
		part, err := p.operator(name, operator, operand, at+"."+operator, depth)
		if err != nil {
			return Filter{}, err
		}
		parts = append(parts, part)
	}
	return and(parts), nil
}

func (p *filterParser) operator(name, operator string, operand any, at string, depth int) (Filter, error) {
	if err := p.count(at, depth); err != nil {
		return Filter{}, err
	}
	steps := parsePath(name)
	anyOf := func(holds func(any) bool) Filter {
		return Filter{matches: func(document any) bool {
			return slices.ContainsFunc(steps.values(document), func(value any) bool {
				elements, _ := value.([]any)
				return holds(value) || slices.ContainsFunc(elements, holds)
			})
		}}
	}
	switch operator {
	case "$eq":
		f := anyOf(func(value any) bool { return compare(value, operand) == 0 })
		f.equal = []equality{{name, operand}}
		return f, nil
	case "$ne":
		return not(anyOf(func(value any) bool { return compare(value, operand) == 0 })), nil
	case "$in", "$nin":
		list, ok := operand.([]any)
		if !ok {
			return Filter{}, fault.At(at, "%s takes an array of values", operator)
		}
		if p.conditions += len(list); p.conditions > maxConditions {
			return Filter{}, fault.At("body.filter", "a filter has at most %d conditions, counting the values of $in", maxConditions)
		}
		f := anyOf(func(value any) bool {
			return slices.ContainsFunc(list, func(one any) bool { return compare(value, one) == 0 })
		})
		if operator == "$nin" {
			return not(f), nil
		}
		return f, nil
	case "$exists":
		want, ok := operand.(bool)
		if !ok {
			return Filter{}, fault.At(at, "$exists takes true or false")
		}
		return Filter{matches: func(document any) bool { return (len(steps.values(document)) > 0) == want }}, nil
	case "$not":
		if object, ok := operand.(map[string]any); !ok || len(object) == 0 {
			return Filter{}, fault.At(at, "$not takes an object of operators, such as {\"$gt\": 1}")
		}
		f, err := p.field(name, operand, at, depth+1)
		return not(f), err
	}
	holds, ok := orders[operator]
	if !ok {
		return Filter{}, fault.At(at, "%q is not an operator: use $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists or $not", operator)
	}
	switch operand.(type) {
	case json.Number, string:
	default:
		return Filter{}, fault.At(at, "%s compares numbers and strings only", operator)
	}
	return anyOf(func(value any) bool { return rank(value) == rank(operand) && holds(compare(value, operand)) }), nil
}

// orders are the operators that compare a value with one of the same type.
var orders = map[string]func(int) bool{
	"$gt":  func(order int) bool { return order > 0 },
	"$gte": func(order int) bool { return order >= 0 },
	"$lt":  func(order int) bool { return order < 0 },
	"$lte": func(order int) bool { return order <= 0 },
}

func and(parts []Filter) Filter {
	var f Filter
	for _, part := range parts {
		f.equal = append(f.equal, part.equal...)
	}
	f.matches = func(document any) bool {
		return !slices.ContainsFunc(parts, func(part Filter) bool { return !part.matches(document) })
	}
	return f
}

func not(f Filter) Filter {
	return Filter{matches: func(document any) bool { return !f.matches(document) }}
}
