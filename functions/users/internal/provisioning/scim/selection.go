package scim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Shown is how an answer is to be shown: which attributes, and where from, for huma.
type Shown struct {
	Base
	Attributes         string `query:"attributes" doc:"Attribute names, separated by commas"`
	ExcludedAttributes string `query:"excludedAttributes" doc:"Attribute names, separated by commas"`
}

// Selecting reads which attributes are asked for.
func (s Shown) Selecting(t ResourceType) Selection {
	return Selection{base: s.url, only: t.names(s.Attributes), without: t.names(s.ExcludedAttributes)}
}

// Base is where the client has found this service, such as https://api.example.com, for
// huma: locations begin with it (RFC 7643 §3.1). It is what the request and the ingress
// say, and only the client itself is told it again.
type Base struct{ url string }

var authority = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]{1,255}$`)

// Resolve implements huma.Resolver.
func (b *Base) Resolve(ctx huma.Context) []error {
	scheme, host := "http", ctx.Host()
	if ctx.TLS() != nil {
		scheme = "https"
	}
	if said := first(ctx.Header("X-Forwarded-Proto")); said == "http" || said == "https" {
		scheme = said
	}
	if said := first(ctx.Header("X-Forwarded-Host")); said != "" {
		host = said
	}
	if authority.MatchString(host) {
		b.url = scheme + "://" + host
	}
	return nil
}

// first of what several proxies have said: that of the one that the client has reached.
func first(list string) string {
	said, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(said)
}

// Whole shows everything.
func (b Base) Whole() Selection { return Selection{base: b.url} }

// Selection is which attributes an answer shows (RFC 7644 §3.9).
type Selection struct {
	base          string // of locations
	only, without []string
}

// names are what a list names, in lower case, without the core schema in front.
func (t ResourceType) names(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), strings.ToLower(t.Schema.ID)+":")
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Wants tells whether a top-level attribute, or a part of it, is asked for.
func (s Selection) Wants(name string) bool { return wants(strings.ToLower(name), s.only, s.without) }

func wants(name string, only, without []string) bool {
	return !slices.Contains(without, name) && (len(only) == 0 || slices.Contains(only, name) || len(under(only, name)) > 0)
}

// under are the names of parts of an attribute, without it in front.
func under(names []string, name string) (parts []string) {
	for _, n := range names {
		if part, ok := strings.CutPrefix(n, name); ok && len(part) > 1 && (part[0] == '.' || part[0] == ':') {
			parts = append(parts, part[1:])
		}
	}
	return parts
}

// Of shows a resource. id and schemas are always shown.
func (s Selection) Of(r Resource) Resource {
	shown := choose(r, s.only, s.without)
	for _, always := range []string{"id", "schemas"} {
		if value, ok := r[always]; ok {
			shown[always] = value
		}
	}
	return s.located(shown).(map[string]any)
}

func choose(object map[string]any, only, without []string) map[string]any {
	chosen := map[string]any{}
	for spelled, value := range object {
		name := strings.ToLower(spelled)
		if !wants(name, only, without) {
			continue
		}
		parts := under(only, name)
		if slices.Contains(only, name) {
			parts = nil // all of them
		}
		if value = chooseIn(value, parts, under(without, name)); value != nil {
			chosen[spelled] = value
		}
	}
	return chosen
}

func chooseIn(value any, only, without []string) any {
	if len(only)+len(without) == 0 {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		if chosen := choose(v, only, without); len(chosen) > 0 {
			return chosen
		}
		return nil
	case []any:
		var chosen []any
		for _, element := range v {
			if element = chooseIn(element, only, without); element != nil {
				chosen = append(chosen, element)
			}
		}
		if chosen == nil {
			return nil
		}
		return chosen
	}
	return value
}

// located is a copy of a value in which what lies on this host is named with the host.
func (s Selection) located(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, inner := range v {
			text, ok := inner.(string)
			if ok && (name == "location" || name == "$ref") && strings.HasPrefix(text, BasePath+"/") {
				c[name] = s.base + text
				continue
			}
			c[name] = s.located(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = s.located(inner)
		}
		return c
	}
	return value
}
