package scim

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// MaxResults limits the resources in one response.
const MaxResults = 200

// Query contains the query parameters of a list (RFC 7644 §3.4.2). All are strings, so that
// invalid ones can be refused with a SCIM error.
type Query struct {
	Filter     string `query:"filter" doc:"RFC 7644 §3.4.2.2"`
	StartIndex string `query:"startIndex" doc:"From 1"`
	Count      string `query:"count" doc:"At most 200"`
	SortBy     string `query:"sortBy"`
	SortOrder  string `query:"sortOrder" doc:"ascending or descending"`
	Shown
}

// Posted is a query in the body of a POST request (RFC 7644 §3.4.3).
type Posted struct {
	Base
	Message
}

// Resolve implements huma.Resolver. It calls both embedded resolvers, of which huma would only
// call one.
func (p *Posted) Resolve(ctx huma.Context) []error {
	p.Base.Resolve(ctx)
	return p.Message.Resolve(ctx)
}

// Query decodes the query.
func (p *Posted) Query() (q Query, err error) {
	var sent struct {
		Schemas            []string
		Filter             string
		SortBy, SortOrder  string
		StartIndex, Count  *int
		Attributes         []string
		ExcludedAttributes []string
	}
	if err := p.Decode(&sent); err != nil {
		return q, err
	}
	if !slices.Contains(sent.Schemas, searchSchema) {
		return q, BadRequest(InvalidSyntax, "A search must have the schema %s", searchSchema)
	}
	q = Query{Filter: sent.Filter, SortBy: sent.SortBy, SortOrder: sent.SortOrder, Shown: Shown{
		Base: p.Base, Attributes: strings.Join(sent.Attributes, ","), ExcludedAttributes: strings.Join(sent.ExcludedAttributes, ","),
	}}
	if sent.StartIndex != nil {
		q.StartIndex = strconv.Itoa(*sent.StartIndex)
	}
	if sent.Count != nil {
		q.Count = strconv.Itoa(*sent.Count)
	}
	return q, nil
}

// Range returns the requested part of the list: start is at least 1, count at least 0.
func (q Query) Range() (start, count int, err error) {
	if start, err = number(q.StartIndex, 1); err == nil {
		count, err = number(q.Count, MaxResults/2)
	}
	return max(1, start), min(MaxResults, max(0, count)), err
}

func number(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, BadRequest(InvalidValue, "startIndex and count must be integers")
	}
	return int(n), nil
}

// Search is a query with a validated filter and order.
type Search struct {
	Start, Count int
	Filter       *Filter
	of           ResourceType
	sortBy       string
	descending   bool
}

// Search validates a query.
func (t ResourceType) Search(q Query) (s Search, err error) {
	s.of = t
	if s.Start, s.Count, err = q.Range(); err != nil {
		return s, err
	}
	if strings.TrimSpace(q.Filter) != "" {
		filter, err := t.ParseFilter(strings.TrimSpace(q.Filter))
		if err != nil {
			return s, err
		}
		s.Filter = &filter
	}
	if q.SortBy != "" {
		if err := t.sortable(q.SortBy); err != nil {
			return s, err
		}
		s.sortBy = q.SortBy
	}
	switch strings.ToLower(q.SortOrder) {
	case "descending":
		s.descending = true
	case "", "ascending":
	default:
		return s, BadRequest(InvalidValue, "sortOrder must be ascending or descending")
	}
	return s, nil
}

func (t ResourceType) sortable(name string) error {
	top, sub, _ := strings.Cut(name, ".")
	p, ok := t.resolve("", top)
	if ok && sub != "" {
		_, ok = find(p.SubAttributes, sub)
	}
	if !ok || p.Type == complexType && sub == "" && !p.MultiValued {
		return BadRequest(InvalidPath, "sortBy names an unknown or complex attribute")
	}
	return nil
}

// Pages reports whether a store can page by offset because the search has no filter and no
// order.
func (s Search) Pages() bool { return s.Filter == nil && s.sortBy == "" }

// Equals returns the filter's equalities. See [Filter.Equals].
func (s Search) Equals() (equals map[string]string, exact bool) {
	if s.Filter == nil {
		return nil, false
	}
	return s.Filter.Equals()
}

// Found collects the results of a search over normalized resources, which are added one at a
// time. It only keeps the resources that the requested page needs.
type Found struct {
	s     Search
	kept  []Resource
	total int
}

// Found returns an empty collection of results.
func (s Search) Found() *Found { return &Found{s: s} }

// Add adds a resource if it matches the search.
func (f *Found) Add(r Resource) {
	if f.s.Filter != nil && !f.s.Filter.Matches(r) {
		return
	}
	f.total++
	end := f.s.Start - 1 + f.s.Count
	if f.s.sortBy == "" {
		if f.total >= f.s.Start && f.total <= end {
			f.kept = append(f.kept, r)
		}
		return
	}
	if f.kept = append(f.kept, r); len(f.kept) > 2*end+MaxResults {
		slices.SortStableFunc(f.kept, f.s.compare)
		f.kept = slices.Clip(f.kept[:end])
	}
}

// Page returns the requested page and the total number of results.
func (f *Found) Page() (page []Resource, total int) {
	if f.s.sortBy == "" {
		return f.kept, f.total
	}
	slices.SortStableFunc(f.kept, f.s.compare)
	from := min(len(f.kept), f.s.Start-1)
	return f.kept[from:min(len(f.kept), from+f.s.Count)], f.total
}

// compare compares resources by their sort key. Resources without one come last (RFC 7644
// §3.4.2.3).
func (s Search) compare(a, b Resource) int {
	x, y := s.key(a), s.key(b)
	switch {
	case x == y:
		return 0
	case x == "":
		return s.sign(1)
	case y == "":
		return s.sign(-1)
	}
	return s.sign(strings.Compare(x, y))
}

func (s Search) sign(n int) int {
	if s.descending {
		return -n
	}
	return n
}

// key returns the text by which a resource is sorted: that of the primary value or else of the
// first one.
func (s Search) key(r Resource) string {
	top, sub, _ := strings.Cut(s.sortBy, ".")
	p, _ := s.of.resolve("", top)
	values := elements(p.in(r))
	if len(values) == 0 {
		return ""
	}
	value := values[0]
	for _, v := range values {
		if object, ok := v.(map[string]any); ok && object["primary"] == true {
			value = v
		}
	}
	a := p.Attribute
	if p.Type == complexType {
		if sub == "" {
			sub = "value"
		}
		a, _ = find(p.SubAttributes, sub)
		object, _ := value.(map[string]any)
		value = object[a.Name]
	}
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case string:
		if !a.CaseExact {
			return strings.ToLower(v)
		}
		return v
	}
	return ""
}

// timeFormat is a format whose lexical order is chronological.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// Complete adds the attributes that the service provider sets to a normalized resource.
func (t ResourceType) Complete(r Resource, id string, created, changed time.Time) error {
	r["id"], r["schemas"] = id, t.Schemas(r)
	version, err := newVersion(r)
	r["meta"] = map[string]any{
		"resourceType": t.Name, "location": t.Location(id), "version": version,
		"created": created.UTC().Format(timeFormat), "lastModified": changed.UTC().Format(timeFormat),
	}
	return err
}
