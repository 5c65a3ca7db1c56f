package documents_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/datasets/internal/document"
	"function/shared/platformtest"
)

const orders = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["total"],
	"properties": {"total": {"type": "number", "minimum": 0, "maximum": 9007199254740993}, "day": {"type": "string", "format": "date"}, "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
	"$defs": {"line": {"type": "object", "properties": {"count": {"type": "integer"}}}}
}`

func TestSchema_Set_RefusesWithThePlace(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		p.Do(token, http.MethodGet, path+"/schema", nil).Want(t, http.StatusNotFound)
		p.Do(token, http.MethodDelete, path+"/schema", nil).Want(t, http.StatusNotFound)
		insert(t, p, token, path, "good", `{"total": 1}`)
		insert(t, p, token, path, "bad", `{"total": -1}`)
		insert(t, p, token, path, "worse", `{}`)
		checked := platformtest.Decode[document.Conformity](t, p.Do(token, http.MethodPost, path+"/schema/check", orders).Want(t, http.StatusOK))
		if checked.Checked != 3 || checked.Failing != 2 || checked.NextCursor != "" || checked.Failures[0].ID != "worse" || checked.Failures[1].Errors[0].Location != "body.total" {
			t.Errorf("check: %+v", checked)
		}
		p.Do(token, http.MethodGet, path+"/schema", nil).Want(t, http.StatusNotFound)
		p.Do(token, http.MethodPut, path+"/schema", orders).Want(t, http.StatusNoContent)
		p.Do(token, http.MethodGet, path+"/schema", nil).Want(t, http.StatusOK)
		for body, place := range map[string]string{
			`{"total": "1"}`:                                        "body.total",
			`{"total": 9007199254740994}`:                           "body.total",
			`{"total": 1, "day": "31.12."}`:                         "body.day",
			`{"total": 1, "lines": [{"count": 1}, {"count": 1.5}]}`: "body.lines.1.count",
			`{}`: `"body"`,
		} {
			for _, write := range []struct{ method, path string }{{http.MethodPost, path}, {http.MethodPut, path + "/good"}} {
				a := p.Do(token, write.method, write.path, body).Want(t, http.StatusUnprocessableEntity)
				if !strings.Contains(string(a.Body), place) {
					t.Errorf("%s: the answer does not name %s: %s", body, place, a.Body)
				}
			}
		}
		p.Do(token, http.MethodPatch, path+"/good", `{"total": null}`).Want(t, http.StatusUnprocessableEntity)
		p.Do(token, http.MethodPut, path+"/good", `{"total": 9007199254740993, "lines": [{"count": 2.0}]}`).Want(t, http.StatusOK)
		p.Do(token, http.MethodPatch, path+"/bad", `{"total": 2}`).Want(t, http.StatusOK)
		p.Do(token, http.MethodDelete, path+"/worse", nil).Want(t, http.StatusNoContent)
		p.Do(token, http.MethodDelete, path+"/schema", nil).Want(t, http.StatusNoContent)
		insert(t, p, token, path, "free", `{}`)
	})
}

func TestSchema_Bad_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	insert(t, p, token, path, "a", `{"a": 1}`)
	for _, schema := range []string{
		`[]`, `true`, `{"type": "strange"}`, `{"$schema": "http://json-schema.org/draft-07/schema#"}`, `{"$ref": "https://example.com/schema.json"}`,
		`{"$ref": "file:///etc/passwd"}`, `{"$ref": "#/$defs/none"}`, `{"pattern": "("}`, `{"minLength": -1}`,
		`{"$ref": "#"}`, `{"type": "object", "allOf": [{"$ref": "#"}]}`, `{"anyOf": [{"type": "string"}, {"not": {"$ref": "#"}}]}`, `{"if": {"type": "object"}, "then": {"$ref": "#"}}`,
		`{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}}`, `{"$dynamicRef": "#a", "$dynamicAnchor": "a"}`,
		`{"properties": {"a": {"items": {"dependentSchemas": {"b": {"$ref": "#/properties/a/items"}}}}}}`,
	} {
		for _, write := range []struct{ method, path string }{{http.MethodPut, path + "/schema"}, {http.MethodPost, path + "/schema/check"}} {
			if a := p.Do(token, write.method, write.path, schema); a.Status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %s answers %d, want 422: %s", write.method, schema, a.Status, a.Body)
			}
		}
	}
	p.Do(token, http.MethodPut, path+"/schema", `{"title": "`+strings.Repeat("x", document.MaxSchema)+`"}`).Want(t, http.StatusRequestEntityTooLarge)
}

// A schema may refer to itself for the members and elements of a value.
func TestSchema_Recursive_ChecksAllLevels(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	for _, schema := range []string{
		`{"properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}, "all": {"items": {"anyOf": [{"$ref": "#"}]}}}}`,
		`{"$ref": "#/$defs/node", "$defs": {"node": {"properties": {"n": {"type": "integer"}}, "additionalProperties": {"if": {"type": "array"}, "then": {"items": {"$ref": "#"}}, "else": {"$ref": "#"}}}}}`,
	} {
		p.Do(token, http.MethodPut, path+"/schema", schema).Want(t, http.StatusNoContent)
		p.Do(token, http.MethodPost, path, `{"next": {"next": {"n": 1}}, "all": [{"n": 1}, {"next": {"n": 2}}]}`).Want(t, http.StatusCreated)
		p.Do(token, http.MethodPost, path, `{"next": {"next": {"n": "1"}}}`).Want(t, http.StatusUnprocessableEntity)
		p.Do(token, http.MethodPost, path, `{"all": [{"n": 1}, {"next": {"n": "2"}}]}`).Want(t, http.StatusUnprocessableEntity)
	}
}

// A schema whose subschemas refer to each other is bounded.
func TestSchema_Exponential_IsStopped(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	schema := `{"$ref": "#/$defs/a0", "$defs": {"a40": {"required": ["x"]}`
	for _, pair := range strings.Fields("a0:a1 a1:a2 a2:a3 a3:a4 a4:a5 a5:a6 a6:a7 a7:a8 a8:a9 a9:a10 a10:a11 a11:a12 a12:a13 a13:a14 a14:a15 a15:a16 a16:a17 a17:a18 a18:a19 a19:a20 a20:a21 a21:a22 a22:a23 a23:a24 a24:a25 a25:a26 a26:a40") {
		name, next, _ := strings.Cut(pair, ":")
		schema += `, "` + name + `": {"anyOf": [{"$ref": "#/$defs/` + next + `"}, {"$ref": "#/$defs/` + next + `"}]}`
	}
	p.Do(token, http.MethodPut, path+"/schema", schema+`}}`).Want(t, http.StatusNoContent)
	p.Do(token, http.MethodPost, path, `{}`).Want(t, http.StatusUnprocessableEntity)
}
