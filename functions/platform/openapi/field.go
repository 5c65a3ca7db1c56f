package openapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// field is one field of a request or a response, named by its path.
type field struct {
	Name, In, Type, Limits, Doc string
	Required                    bool
}

// maxDepth limits the depth to which nested fields are listed.
const maxDepth = 4

// fields lists the fields of an object, or of the objects in an array.
func (d *apiDocument) fields(s *schema) []field {
	return d.appendFields(nil, "", s, 0)
}

func (d *apiDocument) appendFields(list []field, prefix string, s *schema, depth int) []field {
	s = d.resolve(s)
	if s.Items != nil {
		return d.appendFields(list, prefix+"[]", s.Items, depth)
	}
	if depth == maxDepth {
		return list
	}
	for _, name := range s.names() {
		property := d.resolve(s.Properties[name])
		path := strings.TrimPrefix(prefix+"."+name, ".")
		f := d.field(path, property, slices.Contains(s.Required, name))
		f.Doc = s.Properties[name].doc(property)
		list = append(list, f)
		list = d.appendFields(list, path, property, depth+1)
	}
	return list
}

// doc returns the description at the place where a schema is used, or else that of the schema
// itself.
func (s *schema) doc(resolved *schema) string {
	if s != nil && s.Description != "" {
		return s.Description
	}
	return resolved.Description
}

func (d *apiDocument) field(name string, s *schema, required bool) field {
	return field{Name: name, Type: d.typeOf(s), Limits: limitsOf(s), Required: required}
}

// typeOf describes a schema's type in words.
func (d *apiDocument) typeOf(s *schema) string {
	var names []string
	for _, name := range s.Type {
		switch {
		case name == "array" && s.Items != nil:
			name = "array of " + d.typeOf(d.resolve(s.Items))
		case name == "string" && s.Format != "":
			name = s.Format
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "any JSON"
	}
	return strings.Join(names, " or ")
}

// limitsOf describes the constraints of a schema in words.
func limitsOf(s *schema) string {
	var limits []string
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		limits = append(limits, strings.Join(values, " | "))
	}
	limits = append(limits, between(s.Minimum, s.Maximum, ""), between(s.MinLength, s.MaxLength, " characters"), between(s.MinItems, s.MaxItems, " items"))
	switch {
	case s.PatternDescription != "":
		limits = append(limits, s.PatternDescription)
	case s.Pattern != "":
		limits = append(limits, "matches "+s.Pattern)
	}
	if s.Default != nil {
		value, _ := json.Marshal(s.Default) // it was decoded from JSON
		limits = append(limits, "default "+string(value))
	}
	return strings.Join(slices.DeleteFunc(limits, func(l string) bool { return l == "" }), ", ")
}

func between[T any](low, high *T, unit string) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprint(*low, " to ", *high) + unit
	case low != nil:
		return fmt.Sprint("at least ", *low) + unit
	case high != nil:
		return fmt.Sprint("at most ", *high) + unit
	}
	return ""
}
