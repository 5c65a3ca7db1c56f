package document

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// selfApplying returns a schema whose check of a value would never end, because it leads to the check of
// the same value by the same schema (JSON Schema 2020-12, §9.4.1). It returns nil if every check ends.
func selfApplying(root *jsonschema.Schema) (found *jsonschema.Schema) {
	reached := map[*jsonschema.Schema]bool{root: true}
	all := []*jsonschema.Schema{root}
	for i := 0; i < len(all); i++ {
		for _, next := range append(onSameValue(all[i]), onParts(all[i])...) {
			if !reached[next] {
				reached[next] = true
				all = append(all, next)
			}
		}
	}
	const begun, done = 1, 2
	state := map[*jsonschema.Schema]int{}
	var visit func(s *jsonschema.Schema)
	visit = func(s *jsonschema.Schema) {
		state[s] = begun
		for _, next := range onSameValue(s) {
			switch state[next] {
			case begun:
				found = next
			case 0:
				visit(next)
			}
		}
		state[s] = done
	}
	for _, s := range all {
		if state[s] == 0 {
			visit(s)
		}
	}
	return found
}

// onSameValue lists the subschemas that a schema applies to the value itself.
func onSameValue(s *jsonschema.Schema) []*jsonschema.Schema {
	list := append([]*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}, slices.Concat(s.AllOf, s.AnyOf, s.OneOf)...)
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	list = slices.AppendSeq(list, maps.Values(s.DependentSchemas))
	return schemas(list, slices.Collect(maps.Values(s.Dependencies)))
}

// onParts lists the subschemas that a schema applies to members, elements or names.
func onParts(s *jsonschema.Schema) []*jsonschema.Schema {
	list := append([]*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema}, s.PrefixItems...)
	list = slices.AppendSeq(list, maps.Values(s.Properties))
	list = slices.AppendSeq(list, maps.Values(s.PatternProperties))
	return schemas(list, []any{s.AdditionalProperties, s.Items, s.AdditionalItems})
}

// schemas leaves out what is no schema.
func schemas(list []*jsonschema.Schema, others []any) (found []*jsonschema.Schema) {
	for _, other := range others {
		switch other := other.(type) {
		case *jsonschema.Schema:
			list = append(list, other)
		case []*jsonschema.Schema:
			list = append(list, other...)
		}
	}
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}
