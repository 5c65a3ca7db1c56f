package scim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Shown contains the parameters that select the attributes of a response, and the base URL of
// its locations.
type Shown struct {
	Base
	Attributes         string `query:"attributes" doc:"Attribute names, separated by commas"`
	ExcludedAttributes string `query:"excludedAttributes" doc:"Attribute names, separated by commas"`
}

// Selecting returns the requested selection of attributes.
func (s Shown) Selecting(t ResourceType) Selection {
	return Selection{base: s.url, only: t.names(s.Attributes), without: t.names(s.ExcludedAttributes)}
}

// Base is the URL at which the client reached this service, such as https://api.example.com.
// Locations in responses begin with it (RFC 7643 §3.1). It is taken from the request's headers,
// which is safe because it is only returned to the same client.
type Base struct{ url string }

const maxAuthority = 255 // bytes of a host name and a port

var authority = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// Resolve implements huma.Resolver.
func (b *Base) Resolve(ctx huma.Context) []error {
	scheme, host := "http", ctx.Host()
	if ctx.TLS() != nil {
		scheme = "https"
	}
	if forwarded := first(ctx.Header("X-Forwarded-Proto")); forwarded == "http" || forwarded == "https" {
		scheme = forwarded
	}
	if forwarded := first(ctx.Header("X-Forwarded-Host")); forwarded != "" {
		host = forwarded
	}
	if len(host) <= maxAuthority && authority.MatchString(host) {
		b.url = scheme + "://" + host
	}
	return nil
}

// first returns the first element of a header to which several proxies may have added: that of
// the proxy nearest to the client.
func first(list string) string {
	forwarded, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(forwarded)
}

// Whole selects all attributes.
func (b Base) Whole() Selection { return Selection{base: b.url} }

// Selection selects the attributes of a response (RFC 7644 §3.9).
type Selection struct {
	base          string // base URL of locations
	only, without []string
}

// names splits a list of attribute names and converts them to lower case, without the prefix of
// the core schema.
func (t ResourceType) names(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), strings.ToLower(t.Schema.ID)+":")
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Wants reports whether a top-level attribute, or a part of it, is selected.
func (s Selection) Wants(name string) bool { return wants(strings.ToLower(name), s.only, s.without) }

func wants(name string, only, without []string) bool {
	return !slices.Contains(without, name) && (len(only) == 0 || slices.Contains(only, name) || len(under(only, name)) > 0)
}

// under returns the names below an attribute, without the attribute's own name.
func under(names []string, name string) (parts []string) {
	for _, n := range names {
		if part, ok := strings.CutPrefix(n, name); ok && len(part) > 1 && (part[0] == '.' || part[0] == ':') {
			parts = append(parts, part[1:])
		}
	}
	return parts
}

// Of returns the selected attributes of a resource. id and schemas are always included.
func (s Selection) Of(r Resource) Resource {
	shown := choose(r, s.only, s.without)
	for _, always := range []string{"id", "schemas"} {
		if value, ok := r[always]; ok {
			shown[always] = value
		}
	}
	return s.withBase(shown).(map[string]any)
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

// withBase returns a copy of a value in which the paths of this service have the base URL in
// front.
func (s Selection) withBase(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, inner := range v {
			text, ok := inner.(string)
			if ok && (name == "location" || name == "$ref") && strings.HasPrefix(text, BasePath+"/") {
				c[name] = s.base + text
				continue
			}
			c[name] = s.withBase(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = s.withBase(inner)
		}
		return c
	}
	return value
}
