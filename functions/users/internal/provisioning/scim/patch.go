package scim

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	parser "github.com/scim2/filter-parser/v2"
)

const maxOperations = 200

// Patch is the body of a PATCH request (RFC 7644 §3.5.2).
type Patch struct {
	Schemas    []string    `json:"schemas"`
	Operations []Operation `json:"Operations"`
}

// Operation is one operation of a patch.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// ParsePatch decodes a patch. Its paths are checked when it is applied.
func ParsePatch(body []byte) (Patch, error) {
	var p Patch
	if err := decode(body, &p); err != nil {
		return p, err
	}
	if !slices.Contains(p.Schemas, patchSchema) {
		return p, BadRequest(InvalidSyntax, "A change must have the schema %s", patchSchema)
	}
	if len(p.Operations) == 0 || len(p.Operations) > maxOperations {
		return p, BadRequest(InvalidValue, "A change must have 1 to %d operations", maxOperations)
	}
	for i, o := range p.Operations {
		p.Operations[i].Op = strings.ToLower(o.Op) // Microsoft Entra ID sends Replace
		if !slices.Contains([]string{"add", "replace", "remove"}, p.Operations[i].Op) {
			return p, BadRequest(InvalidSyntax, "An operation must be add, replace or remove")
		}
	}
	return p, nil
}

// Apply applies a patch to a normalized resource and returns the normalized result, without
// modifying r. Operations on unknown attributes are ignored, as in Normalize; otherwise a patch
// that names one could not suspend a person.
func (t ResourceType) Apply(ctx context.Context, p Patch, r Resource) (Resource, error) {
	changed := clone(r).(map[string]any)
	for _, o := range p.Operations {
		if err := t.apply(ctx, o, changed); err != nil {
			return nil, err
		}
	}
	return t.Normalize(changed)
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for key, inner := range v {
			c[key] = clone(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = clone(inner)
		}
		return c
	}
	return value
}

func (t ResourceType) apply(ctx context.Context, o Operation, r Resource) error {
	if o.Path == "" {
		return t.applyAll(ctx, o, r)
	}
	if extension, ok := t.extension(o.Path); ok {
		return t.applyExtension(ctx, o, extension, r)
	}
	if err := checkLength(o.Path, InvalidPath); err != nil {
		return err
	}
	path, err := parser.ParsePath([]byte(o.Path))
	if err != nil && t.foreign(o.Path) {
		logIgnored(ctx, t, "of another schema")
		return nil
	}
	if err != nil {
		return BadRequest(InvalidPath, "A path is not valid (RFC 7644 §3.5.2)")
	}
	p, ok := t.resolve(path.AttributePath.URI(), path.AttributePath.AttributeName)
	if !ok {
		logIgnored(ctx, t, attributeOf(path))
		return nil
	}
	sub := path.AttributePath.SubAttributeName()
	if sub == "" {
		sub = path.SubAttributeName()
	}
	var part *Attribute
	if sub != "" {
		a, ok := find(p.SubAttributes, sub)
		if !ok {
			logIgnored(ctx, t, attributeOf(path))
			return nil
		}
		part = &a
	}
	if p.Mutability == "readOnly" {
		return BadRequest(Mutability, "%s is read-only", p.Name)
	}
	in := r
	if p.extension != "" {
		if in, ok = r[p.extension].(map[string]any); !ok {
			in = map[string]any{}
			r[p.extension] = in
		}
	}
	return target{p.Attribute, part, path.ValueExpression}.apply(o, in)
}

// attributeOf formats a path without its filter, which may contain personal data.
func attributeOf(path parser.Path) string {
	path.ValueExpression = nil
	return path.String()
}

// logIgnored logs an unknown attribute that is ignored.
func logIgnored(ctx context.Context, t ResourceType, path string) {
	slog.InfoContext(ctx, "SCIM attribute left out", "type", t.Name, "path", path)
}

// applyAll applies an operation without a path. Its value is an object of attributes, whose
// names may themselves be paths.
func (t ResourceType) applyAll(ctx context.Context, o Operation, r Resource) error {
	values, ok := o.Value.(map[string]any)
	if o.Op == "remove" || !ok {
		return BadRequest(NoTarget, "An operation without a path must be add or replace with an object of attributes")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "schemas" || strings.EqualFold(name, "id") || strings.EqualFold(name, "meta") {
			continue
		}
		if name == "" {
			return BadRequest(InvalidPath, "An attribute name is empty")
		}
		if err := t.apply(ctx, Operation{o.Op, name, values[name]}, r); err != nil {
			return err
		}
	}
	return nil
}

func (t ResourceType) applyExtension(ctx context.Context, o Operation, extension Schema, r Resource) error {
	if o.Op == "remove" {
		delete(r, extension.ID)
		return nil
	}
	values, ok := o.Value.(map[string]any)
	if !ok {
		return BadRequest(InvalidValue, "An extension must be an object")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := t.apply(ctx, Operation{o.Op, extension.ID + ":" + name, values[name]}, r); err != nil {
			return err
		}
	}
	return nil
}
