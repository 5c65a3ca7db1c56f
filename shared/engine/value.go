package engine

import "slices"

// Value converts a value of type t, as the driver returns it, into the form of package resultset.
func (t Type) Value(v any) any { return convert(v, t) }

// AnyLabel reports whether the test is true for the name of a member of a struct within the type.
func (t Type) AnyLabel(test func(string) bool) bool {
	return slices.ContainsFunc(t.labels, test) || slices.ContainsFunc(t.Parts, func(part Type) bool { return part.AnyLabel(test) })
}
