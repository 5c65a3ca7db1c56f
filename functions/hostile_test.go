package functions_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/runtime"
)

// api is the API description from which the tests build requests.
type api struct{ *huma.OpenAPI }

func describe() api { return api{runtime.Describe(functions.Catalog)} }

// operation returns the description of a declared operation.
func (a api) operation(o function.Operation) *huma.Operation {
	item := a.Paths[o.Path]
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		http.MethodHead: item.Head, http.MethodOptions: item.Options,
	}[o.Method]
}

// body returns the schema of an operation's body, or nil.
func (a api) body(o function.Operation) *huma.Schema {
	body := a.operation(o).RequestBody
	if body == nil || body.Content["application/json"] == nil || body.Content["application/json"].Schema == nil {
		return nil
	}
	return a.resolve(body.Content["application/json"].Schema)
}

func (a api) resolve(s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = a.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

// sample returns a value that fits a schema.
func (a api) sample(s *huma.Schema) any {
	s = a.resolve(s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for name, property := range s.Properties {
			object[name] = a.sample(property)
		}
		return object
	case huma.TypeArray:
		return []any{a.sample(s.Items)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case huma.TypeString:
		switch s.Format {
		case "email":
			return uuid.NewString() + "@example.com"
		case "uuid":
			return uuid.NewString()
		case "date-time":
			return "2030-01-02T03:04:05Z"
		case "uri":
			return "https://example.com/"
		}
		least := 1
		if s.MinLength != nil {
			least = *s.MinLength
		}
		return strings.Repeat("x", max(8, least))
	}
	return nil
}

// place is an object within a body: a function that embeds it in the whole body, and its
// location.
type place struct {
	schema *huma.Schema
	whole  func(object any) any
}

// places returns the objects of a body, the body itself first.
func (a api) places(s *huma.Schema) []place {
	found := []place{{s, func(object any) any { return object }}}
	for i := 0; i < len(found) && i < 20; i++ {
		outer := found[i]
		for name, property := range outer.schema.Properties {
			inner, list := a.resolve(property), false
			if inner.Type == huma.TypeArray {
				inner, list = a.resolve(inner.Items), true
			}
			if inner.Type != huma.TypeObject || len(inner.Properties) == 0 {
				continue
			}
			found = append(found, place{inner, func(object any) any {
				around, _ := a.sample(outer.schema).(map[string]any)
				if around[name] = object; list {
					around[name] = []any{object}
				}
				return outer.whole(around)
			}})
		}
	}
	return found
}

// almighty returns a person who is allowed to call every operation.
func almighty(t *testing.T, p *platformtest.Platform) platformtest.Caller {
	t.Helper()
	c := p.Login(policy.Owner)
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE users SET platform_admin = true WHERE id = $1`, c.UserID); err != nil {
		t.Fatal(err)
	}
	return c
}

// pathOf fills an operation's path with values that do not exist, except for the organization.
func pathOf(o function.Operation, organization uuid.UUID, unknown string) string {
	path := strings.Replace(o.Path, "/v1/organizations/{id}", "/v1/organizations/"+organization.String(), 1)
	return parameter.ReplaceAllLiteralString(path, unknown)
}

func encode(t *testing.T, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// If two members differed only in case, one could be validated and the other used.
func TestBodies_MembersInAnotherCase_AreRefused(t *testing.T) {
	t.Parallel()
	p, described := platform(t), describe()
	c := almighty(t, p)
	tried := 0
	for id, o := range operations() {
		body := described.body(o)
		if body == nil {
			continue
		}
		for _, at := range described.places(body) {
			for name := range at.schema.Properties {
				object, _ := described.sample(at.schema).(map[string]any)
				other := strings.ToUpper(name[:1]) + name[1:]
				object[other] = nil
				answer := p.Do(c.Token, o.Method, pathOf(o, c.OrganizationID, uuid.NewString()), encode(t, at.whole(object)))
				if tried++; answer.Status != http.StatusUnprocessableEntity || !strings.Contains(string(answer.Body), other) {
					t.Errorf("%s takes %s beside %s: %d %s", id, other, name, answer.Status, answer.Body)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("%d members tried", tried)
	}
}

// confused are values of wrong types and sizes.
var confused = map[string]string{
	"null": `null`, "true": `true`, "negative": `-5`, "fraction": `0.5`, "huge number": `1e400`, "long number": `99999999999999999999999`,
	"empty": `""`, "spaces": `" \n\t"`, "NUL": `"a\u0000b"`, "half a surrogate": `"\ud800"`, "long": `"` + strings.Repeat("x", 20_000) + `"`,
	"list": `[]`, "list of null": `[null]`, "object": `{}`, "unexpected": `"zzz"`, "right to left": `"\u202e"`,
	"deep": strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500), "zero": `"00000000-0000-0000-0000-000000000000"`,
}

// broken are bodies that are invalid for every operation.
var broken = []string{
	``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `{}{}`, `{"a"}`, "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", "\x00", `{"":1,"":2}`, `{"__proto__":{"a":1}}`,
	strings.Repeat(`{"a":`, 11_000), strings.Repeat(`[`, 11_000), `{"a":"` + strings.Repeat("x", 20_000) + `"}`,
}

// unknowns are hostile path parameters.
var unknowns = []string{"x", "%00", "%ff", "%2e%2e%2f", "..%5c", strings.Repeat("x", 5000), "00000000-0000-0000-0000-000000000000", "'%20OR%201=1--", "%F0%9F%92%A9"}

func TestOperations_HostileInput_NoServerError(t *testing.T) {
	t.Parallel()
	p, described := platform(t), describe()
	for id, o := range operations() {
		c := almighty(t, p)
		try := func(what, path string, body any, headers ...string) {
			answer := p.Do(c.Token, o.Method, path, body, headers...)
			if answer.Status >= 500 && answer.Status != http.StatusServiceUnavailable {
				t.Errorf("%s, %s: %d %s", id, what, answer.Status, answer.Body)
			}
			if contentType := answer.Header.Get("Content-Type"); answer.Status >= 400 && contentType != "application/problem+json" && contentType != "application/scim+json" {
				t.Errorf("%s, %s: %d with Content-Type %q", id, what, answer.Status, contentType)
			}
			if answer.Status == http.StatusUnauthorized { // the operation has ended the session
				c = almighty(t, p)
			}
		}
		path := pathOf(o, c.OrganizationID, uuid.NewString())
		for _, unknown := range unknowns {
			try("path "+unknown[:min(20, len(unknown))], pathOf(o, c.OrganizationID, unknown), `{}`)
		}
		for _, query := range []string{"?x=1", "?%zz", "?a;b", "?limit=-1", "?limit=1e9", "?cursor=%00", "?cursor=x&limit=1", "?%00=%00"} {
			try("query "+query, path+query, nil)
		}
		for _, parameter := range described.operation(o).Parameters {
			for name, value := range map[string]string{"empty": "", "NUL": "%00", "not UTF-8": "%ff", "long": strings.Repeat("x", 9000), "negative": "-1", "large": "99999999999999999999", "far": "9999-12-31T23:59:59Z", "before": "0001-01-01T00:00:00Z", "early": "-0001-01-01T00:00:00Z", "nil": uuid.Nil.String()} {
				if parameter.In == "query" {
					try(parameter.Name+" "+name, path+"?"+parameter.Name+"="+value, `{}`)
				} else if parameter.In == "header" {
					try(parameter.Name+" "+name, path, `{}`, parameter.Name, value)
				}
			}
		}
		for _, body := range broken {
			if o.Method != http.MethodGet {
				try("body "+body[:min(20, len(body))], path, body)
			}
		}
		for _, headers := range [][]string{
			{"Content-Type", ""}, {"Content-Type", "application/json; charset=utf-16"}, {"Content-Type", "multipart/form-data"}, {"Content-Type", "multipart/form-data; boundary=x"},
			{"Content-Encoding", "gzip"}, {"Accept", "text/html"}, {"Accept-Language", strings.Repeat("x", 5000)}, {"User-Agent", "\xff\xfe"}, {"User-Agent", strings.Repeat("x", 9000)},
			{"X-Forwarded-For", "' OR 1=1"}, {"Traceparent", "x"}, {"If-Match", `"x`}, {"Range", "bytes=9-1"}, {"Range", "bytes=-9223372036854775808"},
		} {
			try(headers[0]+" "+headers[1][:min(20, len(headers[1]))], path, `{}`, headers...)
		}
		body := described.body(o)
		if body == nil {
			continue
		}
		for _, at := range described.places(body) {
			for _, name := range slices.Sorted(maps.Keys(at.schema.Properties)) {
				for what, value := range confused {
					object, _ := described.sample(at.schema).(map[string]any)
					object[name] = json.RawMessage(value)
					try(name+" "+what, path, encode(t, at.whole(object)))
				}
			}
		}
	}
}
