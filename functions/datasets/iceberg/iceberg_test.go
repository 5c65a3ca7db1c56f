package iceberg_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	"function/functions/datasets/iceberg"
	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/policies"
	setvisibility "function/functions/datasets/set-visibility"
	"function/functions/datasets/shares"
	"function/functions/datasets/tags"
	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	iceberg.Service, download.Service, tags.Service, branches.Service, policies.Service, shares.Service, setvisibility.Service,
}, datasetstest.Lifecycle...)

// catalogue is a platform with a caller.
type catalogue struct {
	*platformtest.Platform
	platformtest.Caller
	Token    string // of the caller
	profiled int
}

func as(p *platformtest.Platform, caller platformtest.Caller) *catalogue {
	return &catalogue{Platform: p, Caller: caller, Token: caller.Token}
}

func open(t *testing.T) *catalogue {
	p := platformtest.NewWith(t, func(c *function.Config) { c.PublicURL = "" }, walk...) // clients know their S3 endpoint
	return as(p, p.Login("owner"))
}

// add uploads a file, whose name may be followed by a query, and waits until its version is ready.
func (c *catalogue) add(t *testing.T, id uuid.UUID, name, content string) {
	t.Helper()
	name, query, _ := strings.Cut(name, "?")
	body, contentType := datasetstest.Form(t, "file", name, "", content)
	c.Do(c.Token, http.MethodPost, "/v1/datasets/"+id.String()+"/upload?"+query, body, "Content-Type", contentType).Want(t, http.StatusCreated)
	c.profiled++
	datasetstest.Profile(t, c.Platform, c.profiled)
}

// dataset creates a data set with versions.
func (c *catalogue) dataset(t *testing.T, name string, versions ...string) uuid.UUID {
	t.Helper()
	id := datasetstest.Create(t, c.Platform, c.Token, name).ID
	for _, content := range versions {
		c.add(t, id, "a.csv", content)
	}
	return id
}

// call calls an operation of the catalogue.
func (c *catalogue) call(method, path string, body any, headers ...string) platformtest.Answer {
	return c.Do(c.Token, method, "/iceberg/v1"+path, body, headers...)
}

type loaded struct {
	Location string `json:"metadata-location"`
	Metadata icebergtable.TableMetadata
	Config   map[string]string
}

func (c *catalogue) load(t *testing.T, table string) loaded {
	t.Helper()
	return platformtest.Decode[loaded](t, c.call(http.MethodGet, "/namespaces/datasets/tables/"+table, nil).Want(t, http.StatusOK))
}

// refusal is the error of the specification in an answer.
func refusal(t *testing.T, a platformtest.Answer, status int, name string) string {
	t.Helper()
	got := platformtest.Decode[struct{ Error iceberg.ErrorModel }](t, a.Want(t, status)).Error
	if got.Code != status || got.Type != name || got.Message == "" {
		t.Errorf("error %+v, want %d %s", got, status, name)
	}
	return got.Message
}

// tables are the tables of the platform, without a function.
func (c *catalogue) tables(t *testing.T) *icebergtable.Tables {
	t.Helper()
	db, err := c.Env.Database(t.Context(), database.Datasets)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := c.Env.Keeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tables, err := icebergtable.New(db, keys, c.Env.Objects)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// bucket serves the objects by GET and HEAD with ranges, as an S3 service does. It checks no signatures.
func (c *catalogue) bucket(t *testing.T) string {
	t.Helper()
	tables := c.tables(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.URL.Path, "/"+icebergtable.Bucket+"/")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		content, _, modified, tag, err := tables.Open(context.WithoutCancel(r.Context()), access.Of(c.Caller.Caller), key)
		if err != nil {
			status := http.StatusInternalServerError
			if f, ok := fault.As(err); ok {
				status = f.Kind.Status()
			} else {
				t.Errorf("%s: %v", key, err)
			}
			w.WriteHeader(status)
			return
		}
		defer content.Close()
		w.Header().Set("ETag", `"`+tag+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", modified, content)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// key returns the name in the bucket.
func key(t *testing.T, location string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" || u.Host != icebergtable.Bucket {
		t.Fatalf("location %s: %v", location, err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// columns are the names, types and identifiers of the schema with an identifier.
func columns(t *testing.T, m icebergtable.TableMetadata, id int) (list []string) {
	t.Helper()
	for _, s := range m.Schemas {
		if s.ID == id {
			for _, f := range s.Fields {
				text, err := json.Marshal([]any{f.ID, f.Name, f.Type})
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, string(text))
			}
		}
	}
	return list
}
