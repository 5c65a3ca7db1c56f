// Package elastic is the index of package search in Elasticsearch or OpenSearch. It needs no plugin and no analyzer: the words are those
// of package search, so that every index finds the same.
package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/google/uuid"

	"function/shared/search"
)

// Index is an index of the server, or an alias of one.
type Index struct {
	server *elastictransport.Client
	name   string
}

var _ search.Index = Index{}

// Open returns the index with a name at a URL, such as https://user:password@host:9200. It does not connect.
func Open(address, name string) (Index, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Index{}, fmt.Errorf("SEARCH_URL must be like https://user:password@host:9200") // without the password
	}
	server, err := elastictransport.New(elastictransport.Config{URLs: []*url.URL{u}, MaxRetries: 1, Transport: http.DefaultTransport.(*http.Transport).Clone()})
	if err != nil {
		return Index{}, fmt.Errorf("open search server: %w", err)
	}
	return Index{server, name}, nil
}

// With returns another index of the same server.
func (i Index) With(name string) Index { return Index{i.server, name} }

// Name returns the name of the index.
func (i Index) Name() string { return i.name }

// Error is an answer of the server that says no.
type Error struct {
	Status int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("search server: %d %s", e.Status, e.Reason) }

// maxAnswer bounds an answer: 1,000 matches have about 100 kB.
const maxAnswer = 64 << 20

// do sends a request. Retries need the whole body.
func (i Index) do(ctx context.Context, method, path string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/_bulk") {
		r.Header.Set("Content-Type", "application/x-ndjson")
	}
	answer, err := i.server.Perform(r)
	if err != nil {
		return fmt.Errorf("search server: %w", err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("search server: %w", err)
	}
	if answer.StatusCode >= 300 {
		return &Error{answer.StatusCode, string(raw[:min(len(raw), 500)])}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("search server: decode answer: %w", err)
	}
	return nil
}

type object = map[string]any

// Create creates the index.
func (i Index) Create(ctx context.Context) error {
	properties := object{}
	for _, field := range []string{"id", "name", "marks", "text", "values", "similar", "kind", "domain", "owner", "tag", "term", "column", "reader"} {
		properties[field] = object{"type": "keyword"}
	}
	body, err := json.Marshal(object{
		"settings": object{"number_of_shards": 1, "auto_expand_replicas": "0-1"},
		"mappings": object{"dynamic": "strict", "_source": object{"enabled": false}, "properties": properties},
	})
	if err != nil {
		return err
	}
	return i.do(ctx, http.MethodPut, "/"+i.name, body, nil)
}

// Drop deletes the index, if it exists.
func (i Index) Drop(ctx context.Context) error {
	return i.do(ctx, http.MethodDelete, "/"+i.name+"?ignore_unavailable=true", nil, nil)
}

// entry is a document as the index has it: the folded words of its parts, in the order of their weight, and what filters select.
type entry struct {
	ID      string   `json:"id"`
	Name    []string `json:"name"`
	Marks   []string `json:"marks"` // words of columns, tags, terms and domain
	Text    []string `json:"text"`  // of descriptions
	Values  []string `json:"values"`
	Similar []string `json:"similar"`
	Kind    []string `json:"kind"`
	Domain  []string `json:"domain"`
	Owner   []string `json:"owner"`
	Tag     []string `json:"tag"`
	Term    []string `json:"term"`
	Column  []string `json:"column"`
	Reader  []string `json:"reader"`
}

func entryOf(d search.Document) entry {
	e := entry{
		ID: d.ID.String(), Name: search.NameWords(d.Name), Marks: search.Words(strings.Join(slices.Concat(d.Tags, d.Terms, d.Synonyms, []string{d.Domain}), " ")),
		Kind: exact(d.Kind), Domain: exact(d.Domain), Tag: exact(d.Tags...), Term: exact(d.Terms...), Column: exact(d.Columns...), Reader: exact(d.Readers...),
	}
	for _, w := range slices.Concat(e.Name, e.Marks) {
		e.Similar = append(e.Similar, search.Variants(w)...)
	}
	e.Marks = unique(append(e.Marks, search.NameWords(strings.Join(d.Columns, " "))...))
	e.Text = unique(search.Words(d.Description + " " + strings.Join(d.ColumnDescriptions, " ")))
	for _, v := range d.Values {
		e.Values = append(e.Values, search.Words(v.Value)...)
	}
	e.Similar, e.Values = unique(e.Similar), unique(e.Values)
	if d.Owner != nil {
		e.Owner = []string{d.Owner.String()}
	}
	return e
}

func exact(values ...string) []string {
	var out []string
	for _, v := range values {
		if v = search.Exact(v); v != "" {
			out = append(out, v)
		}
	}
	return unique(out)
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// Change is what became of a document.
type Change struct {
	ID       uuid.UUID
	Revision int64            // a later change has a higher one, and earlier ones are ignored after it; 0: no order
	Document *search.Document // nil: it is deleted
}

// Apply applies changes. When it returns, searches find them.
func (i Index) Apply(ctx context.Context, changes ...Change) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, c := range changes {
		about := object{"_index": i.name, "_id": c.ID.String()}
		if c.Revision > 0 {
			about["version"], about["version_type"] = c.Revision, "external"
		}
		line, doc := object{"delete": about}, any(nil)
		if c.Document != nil {
			line, doc = object{"index": about}, entryOf(*c.Document)
		}
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("encode change: %w", err)
		}
		if doc != nil {
			if err := lines.Encode(doc); err != nil {
				return fmt.Errorf("encode document %s: %w", c.ID, err)
			}
		}
	}
	if body.Len() == 0 {
		return nil
	}
	var answer struct {
		Errors bool
		Items  []map[string]struct {
			Status int
			Error  json.RawMessage
		}
	}
	if err := i.do(ctx, http.MethodPost, "/_bulk?refresh=true", body.Bytes(), &answer); err != nil || !answer.Errors {
		return err
	}
	for _, item := range answer.Items {
		for operation, result := range item {
			outdated := result.Status == http.StatusConflict
			absent := operation == "delete" && result.Status == http.StatusNotFound
			if result.Status >= 300 && !outdated && !absent {
				return &Error{result.Status, string(result.Error)}
			}
		}
	}
	return nil
}

// Put implements search.Index.
func (i Index) Put(ctx context.Context, d search.Document) error {
	return i.Apply(ctx, Change{ID: d.ID, Document: &d})
}

// Delete implements search.Index.
func (i Index) Delete(ctx context.Context, id uuid.UUID) error {
	return i.Apply(ctx, Change{ID: id})
}

// answersWithin bounds a search: the database answers in that time too.
const answersWithin = 2 * time.Second
