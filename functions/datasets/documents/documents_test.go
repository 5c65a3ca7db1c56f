package documents_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/documents"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/document"
	_ "function/shared/documents/mongodb"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var mount = append([]function.Declaration{documents.Service}, datasetstest.Lifecycle...)

// each runs a test with each document store.
func each(t *testing.T, test func(*testing.T, *platformtest.Platform), more ...function.Declaration) {
	t.Parallel()
	mounted := append(append([]function.Declaration{}, mount...), more...)
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, platformtest.New(t, mounted...))
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		url := platformtest.MongoDB(t)
		test(t, platformtest.NewWith(t, func(c *function.Config) { c.MongoURL = url }, mounted...))
	})
}

// create returns the path of the documents of a new data set.
func create(t *testing.T, p *platformtest.Platform, token, name string) string {
	t.Helper()
	answer := p.Do(token, http.MethodPost, "/v1/datasets", map[string]any{"name": name, "kind": "documents"})
	d := platformtest.Decode[dataset.Dataset](t, answer.Want(t, http.StatusCreated))
	if d.Kind != dataset.Documents || d.Status != dataset.Ready {
		t.Errorf("a data set of documents is %+v", d)
	}
	return "/v1/datasets/" + d.ID.String() + "/documents"
}

func insert(t *testing.T, p *platformtest.Platform, token, path, id, body string) document.Document {
	t.Helper()
	return platformtest.Decode[document.Document](t, p.Do(token, http.MethodPost, path+"?id="+id, body).Want(t, http.StatusCreated))
}

func want(t *testing.T, answer platformtest.Answer, status int, content string) document.Document {
	t.Helper()
	d := platformtest.Decode[document.Document](t, answer.Want(t, status))
	if got := string(d.Document.RawMessage); got != content {
		t.Errorf("document %s, want %s", got, content)
	}
	if header := answer.Header.Get("ETag"); header != d.ETag || header == "" {
		t.Errorf("ETag %s in the header and %s in the body", header, d.ETag)
	}
	return d
}

func TestDocuments_WrittenAndChanged_AreExact(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		const content = `{"a":null,"big":12345678901234567890123.450,"e":1E+2,"i":9223372036854775807,"text":"<é\u2028😀>","z":[{"x":[]},{}]}`
		made := p.Do(token, http.MethodPost, path, ` {"z":[{"x":[]},{}],"i":9223372036854775807,"big":12345678901234567890123.450,"e":1E+2,"text":"<é\u2028\ud83d\ude00>","a":null} `)
		first := want(t, made, http.StatusCreated, content)
		if _, err := uuid.Parse(first.ID); err != nil || made.Header.Get("Location") != path+"/"+first.ID {
			t.Errorf("identifier %q at %s", first.ID, made.Header.Get("Location"))
		}
		got := want(t, p.Do(token, http.MethodGet, path+"/"+first.ID, nil), http.StatusOK, content)
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("read (-inserted +read):\n%s", diff)
		}
		at := path + "/" + first.ID
		replaced := want(t, p.Do(token, http.MethodPut, at, `{"a": {"b": 1, "c": null}, "d": "x"}`), http.StatusOK, `{"a":{"b":1,"c":null},"d":"x"}`)
		if replaced.ETag == first.ETag || !replaced.CreatedAt.Equal(first.CreatedAt) || replaced.ChangedAt.Before(first.ChangedAt) {
			t.Errorf("replaced: %+v of %+v", replaced, first)
		}
		if again := want(t, p.Do(token, http.MethodPut, at, `{"a": {"b": 1, "c": null}, "d": "x"}`), http.StatusOK, `{"a":{"b":1,"c":null},"d":"x"}`); again.ETag != replaced.ETag {
			t.Errorf("the same content has another ETag")
		}
		want(t, p.Do(token, http.MethodPatch, at, `{"a": {"b": null, "n": 1.0}, "d": ["y"], "new": {"deep": {"x": null, "y": 2}}}`, "Content-Type", "application/merge-patch+json"),
			http.StatusOK, `{"a":{"c":null,"n":1.0},"d":["y"],"new":{"deep":{"y":2}}}`)
		p.Do(token, http.MethodDelete, at, nil).Want(t, http.StatusNoContent)
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			p.Do(token, method, at, nil).Want(t, http.StatusNotFound)
		}
		p.Do(token, http.MethodPatch, at, `{}`).Want(t, http.StatusNotFound)
		want(t, p.Do(token, http.MethodPut, at, `{"b":1}`), http.StatusCreated, `{"b":1}`)
		if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action LIKE 'datasets:%document' AND result = 'done'`); n != 6 {
			t.Errorf("%d changes in the trail, want 6", n)
		}
	})
}

func TestDocuments_InsertedTwice_IsIdempotent(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		first := insert(t, p, token, path, "order-1", `{"a": 1, "b": 2}`)
		again := want(t, p.Do(token, http.MethodPost, path+"?id=order-1", `{"b":2,"a":1}`), http.StatusOK, `{"a":1,"b":2}`)
		if again.ETag != first.ETag {
			t.Error("the second insert has changed the document")
		}
		p.Do(token, http.MethodPost, path+"?id=order-1", `{"a": 2, "b": 2}`).Want(t, http.StatusConflict)
		for _, id := range []string{"schema", "..", "a%2Fb", "a%00", "%C3%A9", strings.Repeat("a", 201)} {
			p.Do(token, http.MethodPost, path+"?id="+id, `{}`).Want(t, http.StatusUnprocessableEntity)
		}
	})
}

func TestDocuments_Conditions_PreventLostUpdates(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		at := path + "/counter"
		p.Do(token, http.MethodPut, at, `{}`, "If-Match", "*").Want(t, http.StatusPreconditionFailed)
		first := want(t, p.Do(token, http.MethodPut, at, `{"n":0}`, "If-None-Match", "*"), http.StatusCreated, `{"n":0}`)
		p.Do(token, http.MethodPut, at, `{"n":1}`, "If-None-Match", "*").Want(t, http.StatusPreconditionFailed)
		for _, tag := range []string{`"x"`, "W/" + first.ETag} {
			p.Do(token, http.MethodPatch, at, `{"n":1}`, "If-Match", tag).Want(t, http.StatusPreconditionFailed)
			p.Do(token, http.MethodDelete, at, nil, "If-Match", tag).Want(t, http.StatusPreconditionFailed)
		}
		want(t, p.Do(token, http.MethodPatch, at, `{"n":0.0}`, "If-Match", `"x", `+first.ETag), http.StatusOK, `{"n":0.0}`)
		p.Do(token, http.MethodPut, at, `{"n":0}`).Want(t, http.StatusOK)

		const writers = 6
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				for {
					now := p.Do(token, http.MethodGet, at, nil)
					var n int
					if _, err := fmt.Sscanf(string(platformtest.Decode[document.Document](t, now).Document.RawMessage), `{"n":%d}`, &n); err != nil {
						t.Error(err)
						return
					}
					switch status := p.Do(token, http.MethodPut, at, fmt.Sprintf(`{"n":%d}`, n+1), "If-Match", now.Header.Get("ETag")).Status; status {
					case http.StatusOK:
						return
					case http.StatusPreconditionFailed:
					default:
						t.Errorf("status %d", status)
						return
					}
				}
			})
		}
		all.Wait()
		want(t, p.Do(token, http.MethodGet, at, nil), http.StatusOK, fmt.Sprintf(`{"n":%d}`, writers))
	})
}

// Patches without a condition apply one after the other.
func TestDocuments_ConcurrentPatches_AllApply(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		insert(t, p, token, path, "x", `{}`)
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				if a := p.Do(token, http.MethodPatch, path+"/x", fmt.Sprintf(`{"m%d":%d}`, i, i)); a.Status != http.StatusOK {
					t.Errorf("status %d: %s", a.Status, a.Body)
				}
			})
		}
		all.Wait()
		want(t, p.Do(token, http.MethodGet, path+"/x", nil), http.StatusOK, `{"m0":0,"m1":1,"m2":2,"m3":3,"m4":4,"m5":5}`)
	})
}

func TestDocuments_BadContent_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	insert(t, p, token, path, "deepest", deep(100))
	insert(t, p, token, path, "largest", `{"a":"`+strings.Repeat("x", document.MaxSize-8)+`"}`)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"empty":            {"", 400},
		"not JSON":         {`{"a":`, 400},
		"two values":       {`{} {}`, 400},
		"array":            {`[]`, 422},
		"null":             {`null`, 422},
		"repeated member":  {`{"a":1,"a":2}`, 422},
		"NUL":              {`{"a":"\u0000"}`, 422},
		"NUL in a name":    {`{"\u0000":1}`, 422},
		"half a surrogate": {`{"a":"\ud800"}`, 400},
		"not UTF-8":        {"{\"a\":\"\xff\"}", 400},
		"large exponent":   {`{"a":1e7000}`, 422},
		"huge exponent":    {`{"a":1e99999999999999999999}`, 422},
		"too deep":         {deep(101), 422},
		"too large":        {`{"a":"` + strings.Repeat("x", document.MaxSize-7) + `"}`, 413},
		"too large inside": {`{"a":"` + strings.Repeat("\u2028", document.MaxSize/4) + `"}`, 413},
	} {
		for _, write := range []struct{ method, path string }{{http.MethodPost, path}, {http.MethodPut, path + "/x"}, {http.MethodPatch, path + "/deepest"}} {
			if a := p.Do(token, write.method, write.path, c.body); a.Status != c.status {
				t.Errorf("%s: %s answers %d, want %d: %.200s", name, write.method, a.Status, c.status, a.Body)
			}
		}
	}
	p.Do(token, http.MethodPost, path, `{}`, "Content-Type", "text/plain").Want(t, http.StatusUnsupportedMediaType)
	p.Do(token, http.MethodPatch, path+"/deepest", `[]`, "Content-Type", "application/json-patch+json").Want(t, http.StatusUnsupportedMediaType)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_documents`); n != 2 {
		t.Errorf("%d documents, want 2", n)
	}
}
