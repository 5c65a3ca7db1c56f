package document

import (
	"slices"
	"strconv"
	"strings"
)

// path leads to a part of a document: names of members and indexes of elements.
type path []string

// ValidPath reports whether a path has a name between dots, and bounded length.
func ValidPath(text string) bool {
	return len(text) <= maxPath && !slices.Contains(parsePath(text), "")
}

const maxPath = 1000

func parsePath(text string) path { return strings.Split(text, ".") }

// index returns the place of an element.
func index(step string, length int) (int, bool) {
	i, err := strconv.Atoi(step)
	return i, err == nil && i >= 0 && i < length && strconv.Itoa(i) == step
}

// values returns all values that a path leads to. A name leads through the elements of an array.
func (p path) values(value any) []any {
	if len(p) == 0 {
		return []any{value}
	}
	switch v := value.(type) {
	case map[string]any:
		if member, ok := v[p[0]]; ok {
			return p[1:].values(member)
		}
	case []any:
		var found []any
		if i, ok := index(p[0], len(v)); ok {
			found = p[1:].values(v[i])
		}
		for _, element := range v {
			if _, ok := element.(map[string]any); ok {
				found = append(found, p.values(element)...)
			}
		}
		return found
	}
	return nil
}

// value returns the value that sorts a document: the first that the path leads to.
func (p path) value(document any) any {
	if found := p.values(document); len(found) > 0 {
		return found[0]
	}
	return missing{}
}

// Fields returns the parts of a document that the paths name, in their places. A name leads through
// the elements of an array.
func Fields(document map[string]any, fields []string) map[string]any {
	if len(fields) == 0 {
		return document
	}
	kept := map[string]any{}
	var tree = &branch{below: map[string]*branch{}}
	for _, field := range fields {
		tree.add(parsePath(field))
	}
	if selected, ok := tree.keep(document); ok {
		kept = selected.(map[string]any)
	}
	return kept
}

// branch is a tree of paths.
type branch struct {
	whole bool
	below map[string]*branch
}

func (b *branch) add(p path) {
	for _, step := range p {
		next := b.below[step]
		if next == nil {
			next = &branch{below: map[string]*branch{}}
			b.below[step] = next
		}
		b = next
	}
	b.whole = true
}

func (b *branch) keep(value any) (any, bool) {
	if b.whole {
		return value, true
	}
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, below := range b.below {
			if member, ok := v[name]; ok {
				if part, ok := below.keep(member); ok {
					kept[name] = part
				}
			}
		}
		return kept, true
	case []any:
		kept := []any{}
		for _, element := range v {
			if part, ok := b.keep(element); ok {
				kept = append(kept, part)
			}
		}
		return kept, true
	}
	return nil, false
}
