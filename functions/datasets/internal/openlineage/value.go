package openlineage

import "strconv"

// short returns the beginning of a member's name, which a fault may show.
func short(name string) string {
	if letters := []rune(name); len(letters) > 80 {
		return string(letters[:80]) + "…"
	}
	return name
}

// member returns a member of a decoded JSON object, or of objects in it.
func member(value any, path ...string) (any, bool) {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// text returns a member that is a string, or "".
func text(value any, path ...string) string {
	found, _ := member(value, path...)
	s, _ := found.(string)
	return s
}

// facet returns a facet, unless the event deletes it.
func facet(holder any, name string) (any, bool) {
	found, ok := member(holder, "facets", name)
	deleted, _ := member(found, "_deleted")
	return found, ok && deleted != true
}

// holder is a part of an event that has facets.
type holder struct {
	at    string
	value any
}

// holders returns the parts of an event that have facets.
func holders(at string, event any) (all []holder) {
	for _, name := range []string{"run", "job", "dataset"} {
		if value, ok := member(event, name); ok {
			all = append(all, holder{at + "." + name, value})
		}
	}
	for _, name := range []string{"inputs", "outputs"} {
		list, _ := member(event, name)
		items, _ := list.([]any)
		for i, item := range items {
			all = append(all, holder{at + "." + name + "[" + strconv.Itoa(i) + "]", item})
		}
	}
	return all
}
