package scim

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a resource.
const (
	maxText     = 2048   // bytes of a text
	maxValues   = 100    // of a multi-valued attribute
	MaxMembers  = 10_000 // of a group
	membersName = "members"
)

// Normalize checks what a client sent of a resource, and brings it into the schema's
// spelling and types. What is read-only, null, empty or in no schema is left out, as a
// provider may (RFC 7644 §3.3, §3.5.1).
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
			return nil, Wrong(InvalidSyntax, "An extension must be an object")
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
			return nil, Wrong(InvalidValue, "%s is required", a.Name)
		}
	}
	return r, nil
}

var externalID, _ = find(common, "externalId")

// Schemas are the identifiers of the schemas that a resource has attributes of.
func (t ResourceType) Schemas(r Resource) []string {
	schemas := []string{t.Schema.ID}
	for _, extension := range t.Extensions {
		if r[extension.ID] != nil {
			schemas = append(schemas, extension.ID)
		}
	}
	return schemas
}

// lookUp reads a member of an object whatever its case, which must not be ambiguous.
func lookUp(object map[string]any, name string) (value any, err error) {
	found := false
	for key, v := range object {
		if !strings.EqualFold(key, name) {
			continue
		}
		if found {
			return nil, Wrong(InvalidSyntax, "An attribute appears twice")
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

// normalize checks a value of an attribute; nil is an empty one.
func (a Attribute) normalize(value any) (any, error) {
	list, ok := value.([]any)
	if !a.MultiValued {
		if ok && len(list) == 1 && a.Type == complexly { // Microsoft Entra ID sends a manager so
			value = list[0]
		}
		return a.one(value)
	}
	if !ok {
		list = []any{value} // one value alone, as some clients have it
	}
	most := maxValues
	if a.Name == membersName {
		most = MaxMembers
	}
	if len(list) > most {
		return nil, Wrong(InvalidValue, "%s can have at most %d values", a.Name, most)
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
		if a.Type == complexly {
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
	return nil, Wrong(InvalidValue, "%s must be of type %s", a.Name, a.Type)
}

func (a Attribute) text(value string) (any, error) {
	switch {
	case len(value) > maxText || !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return nil, Wrong(InvalidValue, "%s must be a string of at most %d bytes without U+0000", a.Name, maxText)
	case a.Type == boolean && strings.EqualFold(value, "true"): // Microsoft Entra ID sends texts
		return true, nil
	case a.Type == boolean && strings.EqualFold(value, "false"):
		return false, nil
	case a.Type == complexly && a.hasValue(): // Microsoft Entra ID sends a manager so
		return map[string]any{"value": value}, nil
	case a.Type == text || a.Type == reference:
		return value, nil
	}
	return nil, Wrong(InvalidValue, "%s must be of type %s", a.Name, a.Type)
}

func (a Attribute) hasValue() bool {
	_, ok := find(a.SubAttributes, "value")
	return ok
}

// keepOnePrimary leaves the last of several primary values (RFC 7643 §2.4: there is
// one at the most).
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
