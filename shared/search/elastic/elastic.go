// Package elastic is the index of package search in Elasticsearch or OpenSearch. It needs no plugin and no analyzer: the words are those
// of package search, so that every index finds the same.
package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"function/shared/search"
)

func init() {
	search.Drivers.Register("http", open)
	search.Drivers.Register("https", open)
}

// Server is Elasticsearch or OpenSearch.
type Server struct{ client *elastictransport.Client }

var _ search.Server = Server{}

// Open returns the server at a URL, such as https://user:password@host:9200. It does not connect.
func Open(address string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Server{}, errors.New("SEARCH_URL must be like https://user:password@host:9200") // without the password
	}
	client, err := elastictransport.NewClient(elastictransport.WithURLs(u), elastictransport.WithMaxRetries(1), elastictransport.WithTransport(http.DefaultTransport.(*http.Transport).Clone()))
	if err != nil {
		return Server{}, fmt.Errorf("open search server: %w", err)
	}
	return Server{client}, nil
}

func open(address string) (search.Server, error) { return Open(address) }

// Close implements search.Server.
func (s Server) Close() error { return s.client.Close(context.Background()) }

// Error is an answer of the server that says no.
type Error struct {
	Status int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("search server: %d %s", e.Status, e.Reason) }

// maxAnswer bounds an answer: 1,000 matches have about 100 kB.
const maxAnswer = 64 << 20

// do sends a request. Retries need the whole body.
func (s Server) do(ctx context.Context, method, path string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/_bulk") {
		r.Header.Set("Content-Type", "application/x-ndjson")
	}
	answer, err := s.client.Perform(r)
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

// Create implements search.Server.
func (s Server) Create(ctx context.Context, index string) error {
	properties := object{}
	for _, field := range []string{"id", "name", "marks", "text", "values", "similar", "kind", "domain", "owner", "tag", "term", "column", "personal", "reader"} {
		properties[field] = object{"type": "keyword"}
	}
	body, err := json.Marshal(object{
		"settings": object{"number_of_shards": 1, "auto_expand_replicas": "0-1"},
		"mappings": object{"dynamic": "strict", "_source": object{"enabled": false}, "properties": properties},
	})
	if err != nil {
		return err
	}
	return s.do(ctx, http.MethodPut, "/"+index, body, nil)
}

// Drop implements search.Server.
func (s Server) Drop(ctx context.Context, index string) error {
	return s.do(ctx, http.MethodDelete, "/"+index+"?ignore_unavailable=true", nil, nil)
}

// entry is a document as the index has it: the folded words of its parts, in the order of their weight, and what filters select.
type entry struct {
	ID       string   `json:"id"`
	Name     []string `json:"name"`
	Marks    []string `json:"marks"` // words of columns, tags, terms and domain
	Text     []string `json:"text"`  // of descriptions
	Values   []string `json:"values"`
	Similar  []string `json:"similar"`
	Kind     []string `json:"kind"`
	Domain   []string `json:"domain"`
	Owner    []string `json:"owner"`
	Tag      []string `json:"tag"`
	Term     []string `json:"term"`
	Column   []string `json:"column"`
	Personal []string `json:"personal"`
	Reader   []string `json:"reader"`
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
	if e.Personal = exact(d.Personal...); len(e.Personal) > 0 {
		e.Personal = append(e.Personal, "any")
	}
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

// Apply implements search.Server.
func (s Server) Apply(ctx context.Context, index string, changes ...search.Change) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, c := range changes {
		about := object{"_index": index, "_id": c.ID.String()}
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
	if err := s.do(ctx, http.MethodPost, "/_bulk?refresh=true", body.Bytes(), &answer); err != nil || !answer.Errors {
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

// answersWithin bounds a search: the database answers in that time too.
const answersWithin = 2 * time.Second
