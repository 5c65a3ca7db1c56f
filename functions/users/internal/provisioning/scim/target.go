package scim

import (
	"maps"
	"reflect"
	"slices"

	parser "github.com/scim2/filter-parser/v2"
)

// target is what an operation changes: an attribute, or one of its sub-attributes, in those
// values that match a filter.
type target struct {
	Attribute
	sub   *Attribute // nil: the whole attribute
	where parser.Expression
}

func (t target) apply(o Operation, in map[string]any) error {
	if t.sub != nil && t.sub.Mutability == "readOnly" {
		return BadRequest(Mutability, "%s is read-only", t.sub.Name)
	}
	if t.where != nil {
		if !t.MultiValued || t.Type != complexType {
			return BadRequest(InvalidPath, "A path filters the values of an attribute that is not multi-valued")
		}
		if err := within(t.Attribute).check(t.where); err != nil {
			return BadRequest(InvalidPath, "The filter of a path does not match the attribute's sub-attributes")
		}
	}
	switch {
	case t.MultiValued && (t.where != nil || t.sub != nil):
		return t.applyToValues(o, in)
	case t.sub != nil:
		return t.applySub(o, in)
	}
	return t.applyWhole(o, in)
}

// applyWhole changes a whole attribute.
func (t target) applyWhole(o Operation, in map[string]any) error {
	if o.Op == "remove" && (o.Value == nil || !t.MultiValued) {
		delete(in, t.Name)
		return nil
	}
	value, err := t.normalize(o.Value)
	if err != nil {
		return err
	}
	if value == nil {
		if o.Op == "replace" {
			delete(in, t.Name)
		}
		return nil
	}
	existing, complexOne := in[t.Name].(map[string]any)
	switch {
	case o.Op == "remove": // removes the listed values, as Microsoft Entra ID requests it
		t.remove(in, func(element any) bool {
			return slices.ContainsFunc(value.([]any), func(v any) bool { return equalValue(v, element) })
		})
	case t.MultiValued && o.Op == "add":
		in[t.Name] = appendNew(elements(in[t.Name]), value.([]any))
	case complexOne:
		for name, part := range value.(map[string]any) {
			existing[name] = part
		}
	default:
		in[t.Name] = value
	}
	return nil
}

func (t target) applySub(o Operation, in map[string]any) error {
	object, ok := in[t.Name].(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	if err := set(o, *t.sub, object); err != nil {
		return err
	}
	in[t.Name] = object
	return nil
}

// set changes one sub-attribute of an object.
func set(o Operation, sub Attribute, object map[string]any) error {
	var value any
	var err error
	if o.Op != "remove" {
		if value, err = sub.normalize(o.Value); err != nil {
			return err
		}
	}
	if value == nil {
		delete(object, sub.Name)
	} else {
		object[sub.Name] = value
	}
	return nil
}

// applyToValues changes the matching values of a multi-valued attribute, or a sub-attribute of
// each.
func (t target) applyToValues(o Operation, in map[string]any) error {
	meant := func(element any) bool {
		object, ok := element.(map[string]any)
		return ok && (t.where == nil || within(t.Attribute).matches(t.where, object))
	}
	if o.Op == "remove" && t.sub == nil {
		t.remove(in, meant)
		return nil
	}
	values := elements(in[t.Name])
	changed := map[int]bool{}
	for i, element := range values {
		if !meant(element) {
			continue
		}
		object, err := t.changed(o, element.(map[string]any))
		if err != nil {
			return err
		}
		values[i], changed[i] = object, true
	}
	switch {
	case len(changed) > 0 || o.Op == "remove":
	case o.Op == "replace" && t.where != nil && !onlyEqualities(t.where): // Microsoft Entra ID also replaces values that do not exist yet
		return BadRequest(NoTarget, "No value of %s matches the filter of the path", t.Name)
	default:
		o.Op = "add" // a value that matches the filter
		object, err := t.changed(o, implied(t.Attribute, t.where))
		if err != nil {
			return err
		}
		values, changed[len(values)] = append(values, object), true
	}
	onlyPrimary(values, changed)
	in[t.Name] = values
	return nil
}

// changed returns a value of the attribute after an operation.
func (t target) changed(o Operation, object map[string]any) (map[string]any, error) {
	if t.sub != nil {
		return object, set(o, *t.sub, object)
	}
	value, err := t.one(o.Value)
	if err != nil {
		return nil, err
	}
	part, ok := value.(map[string]any)
	if !ok {
		return nil, BadRequest(InvalidValue, "A value of %s must be an object", t.Name)
	}
	if o.Op == "replace" {
		return part, nil
	}
	for name, v := range part {
		object[name] = v
	}
	return object, nil
}

// implied returns the value that a filter of equalities describes: adding to emails[type eq
// "work"].value creates a work address.
func implied(a Attribute, where parser.Expression) map[string]any {
	object := map[string]any{}
	switch e := where.(type) {
	case *parser.LogicalExpression:
		if e.Operator == parser.AND {
			for _, side := range []parser.Expression{e.Left, e.Right} {
				for name, value := range implied(a, side) {
					object[name] = value
				}
			}
		}
	case *parser.AttributeExpression:
		if sub, ok := find(a.SubAttributes, e.AttributePath.AttributeName); ok && e.Operator == parser.EQ && sub.Mutability != "readOnly" {
			if value, err := sub.normalize(e.CompareValue); err == nil && value != nil {
				object[sub.Name] = value
			}
		}
	}
	return object
}

func onlyEqualities(where parser.Expression) bool {
	switch e := where.(type) {
	case *parser.LogicalExpression:
		return e.Operator == parser.AND && onlyEqualities(e.Left) && onlyEqualities(e.Right)
	case *parser.AttributeExpression:
		return e.Operator == parser.EQ
	}
	return false
}

// onlyPrimary makes a value that an operation has made primary the only primary one.
func onlyPrimary(values []any, changed map[int]bool) {
	primary := func(i int) bool {
		object, ok := values[i].(map[string]any)
		return ok && object["primary"] == true
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(changed)), primary) {
		return
	}
	for i := range values {
		if primary(i) && !changed[i] {
			values[i].(map[string]any)["primary"] = false
		}
	}
}

func (t target) remove(in map[string]any, meant func(any) bool) {
	if left := slices.DeleteFunc(elements(in[t.Name]), meant); len(left) > 0 {
		in[t.Name] = left
	} else {
		delete(in, t.Name)
	}
}

// appendNew appends the values that are not in the list yet.
func appendNew(values, more []any) []any {
	seen := map[any]bool{}
	for _, element := range values {
		seen[identity(element)] = true
	}
	for _, element := range more {
		if id := identity(element); id == nil || !seen[id] {
			values = append(values, element)
			seen[id] = true
		}
	}
	return values
}

// identity returns what distinguishes a value from others: its value and type (RFC 7643 §2.4).
func identity(element any) any {
	object, ok := element.(map[string]any)
	if !ok {
		return element
	}
	value, _ := object["value"].(string)
	kind, _ := object["type"].(string)
	if value == "" {
		return nil
	}
	return [2]string{value, kind}
}

// equalValue reports whether a value is the one to remove: it has the same `value` or, if it has
// none, is equal.
func equalValue(listed, element any) bool {
	l, _ := listed.(map[string]any)
	e, _ := element.(map[string]any)
	if l["value"] != nil {
		return l["value"] == e["value"]
	}
	return reflect.DeepEqual(listed, element)
}
