package scim

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a resource.
const (
	maxText     = 2048   // bytes of a text
	maxValues   = 100    // of a multi-valued attribute
	MaxMembers  = 10_000 // of a group
	membersName = "members"
)

// Normalize validates a resource from a client and converts names and values to the schema's
// spelling and types. It drops attributes that are read-only, null, empty or in no schema, as a
// service provider may (RFC 7644 §3.3, §3.5.1).
func (t ResourceType) Normalize(sent Resource) (Resource, error) {
	r, err := normalizeAll(append([]Attribute{externalID}, t.Schema.Attributes...), sent)
	if err != nil {
		return nil, err
	}
	for _, extension := range t.Extensions {
		value, err := lookUp(sent, extension.ID)
		if err != nil || value == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		object, ok := value.(map[string]any)
		if !ok {
			return nil, BadRequest(InvalidSyntax, "An extension must be an object")
		}
		normal, err := normalizeAll(extension.Attributes, object)
		if err != nil {
			return nil, err
		}
		if len(normal) > 0 {
			r[extension.ID] = normal
		}
	}
	for _, a := range t.Schema.Attributes {
		if a.Required && (r[a.Name] == nil || r[a.Name] == "") {
			return nil, BadRequest(InvalidValue, "%s is required", a.Name)
		}
	}
	return r, nil
}

var externalID, _ = find(common, "externalId")

// Schemas returns the identifiers of the schemas whose attributes a resource has.
func (t ResourceType) Schemas(r Resource) []string {
	schemas := []string{t.Schema.ID}
	for _, extension := range t.Extensions {
		if r[extension.ID] != nil {
			schemas = append(schemas, extension.ID)
		}
	}
	return schemas
}

// lookUp returns a member of an object, ignoring case. It refuses an ambiguous name.
func lookUp(object map[string]any, name string) (value any, err error) {
	found := false
	for key, v := range object {
		if !strings.EqualFold(key, name) {
			continue
		}
		if found {
			return nil, BadRequest(InvalidSyntax, "An attribute appears twice")
		}
		value, found = v, true
	}
	return value, nil
}

func normalizeAll(attributes []Attribute, sent map[string]any) (map[string]any, error) {
	normal := map[string]any{}
	for _, a := range attributes {
		value, err := lookUp(sent, a.Name)
		if err != nil {
			return nil, err
		}
		if value == nil || a.Mutability == "readOnly" {
			continue
		}
		if value, err = a.normalize(value); err != nil {
			return nil, err
		}
		if value != nil {
			normal[a.Name] = value
		}
	}
	return normal, nil
}

// normalize validates the value of an attribute. It returns nil if the value is empty.
func (a Attribute) normalize(value any) (any, error) {
	list, ok := value.([]any)
	if !a.MultiValued {
		if ok && len(list) == 1 && a.Type == complexType { // as Microsoft Entra ID sends a manager
			value = list[0]
		}
		return a.one(value)
	}
	if !ok {
		list = []any{value} // a single value, as some clients send it
	}
	most := maxValues
	if a.Name == membersName {
		most = MaxMembers
	}
	if len(list) > most {
		return nil, BadRequest(InvalidValue, "%s can have at most %d values", a.Name, most)
	}
	var values []any
	for _, element := range list {
		normal, err := a.one(element)
		if err != nil {
			return nil, err
		}
		if normal != nil {
			values = append(values, normal)
		}
	}
	if values == nil {
		return nil, nil
	}
	keepOnePrimary(values)
	return values, nil
}

func (a Attribute) one(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if a.Type == complexType {
			normal, err := normalizeAll(a.SubAttributes, v)
			if err != nil || len(normal) == 0 {
				return nil, err
			}
			return normal, nil
		}
	case bool:
		if a.Type == boolean {
			return v, nil
		}
	case string:
		return a.text(v)
	}
	return nil, BadRequest(InvalidValue, "%s must be of type %s", a.Name, a.Type)
}

func (a Attribute) text(value string) (any, error) {
	switch {
	case len(value) > maxText || !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return nil, BadRequest(InvalidValue, "%s must be a string of at most %d bytes without U+0000", a.Name, maxText)
	case a.Type == boolean && strings.EqualFold(value, "true"): // Microsoft Entra ID sends strings
		return true, nil
	case a.Type == boolean && strings.EqualFold(value, "false"):
		return false, nil
	case a.Type == complexType && a.hasValue(): // as Microsoft Entra ID sends a manager
		return map[string]any{"value": value}, nil
	case a.Type == text || a.Type == reference:
		return value, nil
	}
	return nil, BadRequest(InvalidValue, "%s must be of type %s", a.Name, a.Type)
}

func (a Attribute) hasValue() bool {
	_, ok := find(a.SubAttributes, "value")
	return ok
}

// keepOnePrimary keeps only the last of several primary values, since there can be at most one
// (RFC 7643 §2.4).
func keepOnePrimary(values []any) {
	seen := false
	for _, value := range slices.Backward(values) {
		object, ok := value.(map[string]any)
		if !ok || object["primary"] != true {
			continue
		}
		if seen {
			object["primary"] = false
		}
		seen = true
	}
}
