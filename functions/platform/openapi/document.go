package openapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// apiDocument is the part of an OpenAPI 3.1 description that the page shows.
type apiDocument struct {
	Info struct{ Title, Description string }
	Tags []struct{ Name string }
	// Paths holds operations by path and lower-case method.
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Security    []map[string][]string
	Parameters  []parameter
	RequestBody struct{ Content map[string]mediaType }
	Responses   map[string]answer
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type answer struct {
	Description string
	Content     map[string]mediaType
}

type mediaType struct{ Schema *schema }

type schema struct {
	Ref                                              string `json:"$ref"`
	Type                                             types
	Format, Pattern, PatternDescription, Description string
	Properties                                       map[string]*schema
	Required                                         []string
	Items                                            *schema
	AdditionalProperties                             any
	Enum, Examples                                   []any
	Default                                          any
	Minimum, Maximum                                 *json.Number
	MinLength, MaxLength, MinItems, MaxItems         *int
}

// types is the type of a schema: one name or a list of names.
type types []string

func (t *types) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = types{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

func parse(description []byte) (*apiDocument, error) {
	var d apiDocument
	if err := yaml.Unmarshal(description, &d); err != nil {
		return nil, fmt.Errorf("parse OpenAPI description: %w", err)
	}
	return &d, nil
}

// resolve follows a reference to a named schema.
func (d *apiDocument) resolve(s *schema) *schema {
	if s == nil {
		return &schema{}
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok && d.Components.Schemas[name] != nil {
		return d.Components.Schemas[name]
	}
	return s
}

// names lists an object's properties: first the required ones in the order of their declaration,
// then the optional ones by name.
func (s *schema) names() []string {
	var optional []string
	for name := range s.Properties {
		if !slices.Contains(s.Required, name) {
			optional = append(optional, name)
		}
	}
	slices.Sort(optional)
	return append(slices.Clone(s.Required), optional...)
}
