// Package search finds data sets by what is said about them: GET /v1/datasets/search and
// /v1/datasets/suggest.
package search

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/search"
)

// Service declares the function.
var Service = function.Service("datasets-search", New,
	function.On(function.Get("datasets-search", "/v1/datasets/search", "Search for data sets", policy.DatasetsRead).
		Describe("Finds the data sets that you may read, also shared ones, by all words of q: in names, columns, tags, terms and their synonyms, domains, descriptions, and values of chosen columns (search_columns of the metadata). "+
			"A word finds words that begin with it; case, accents and all other characters are ignored, and only the first 20 words count. If nothing has all words, data sets with words that differ by a letter are found, and corrected is true. "+
			"Without q, the newest come first; with it, a match in the name counts more than one in columns, tags and terms, that more than one in descriptions, and data sets that are read often come before others. "+
			"At most 1,000 are ranked, counted and paged. If more match, more is true, and the counts are those of these 1,000: the newest and the most popular are looked for first, and those with the words in their names besides; which others are left out is not defined. A change is found as soon as its request is answered."), (*Function).Search),
	function.On(function.Get("datasets-suggest", "/v1/datasets/suggest", "Complete names, columns, tags and terms", policy.DatasetsRead).
		Describe("Completes the last word of q from the data sets that you may read."), (*Function).Suggest),
).Uses(function.Owns(database.Datasets), function.Search)

// considered is how many matches are counted and paged.
const considered = 1000

// Filters select data sets.
type Filters struct {
	Kind   string    `query:"kind" enum:"table,documents,objects"`
	Domain string    `query:"domain" maxLength:"100" doc:"Ignoring case, as in the other filters"`
	Tag    string    `query:"tag" maxLength:"100" doc:"Of the data set or of a column"`
	Term   string    `query:"term" maxLength:"100" doc:"Of the data set or of a column"`
	Column string    `query:"column" maxLength:"1000" doc:"The whole name of a column"`
	Owner  uuid.UUID `query:"owner" format:"uuid"`

	Personal string `query:"personal" enum:"any,email,phone,name,address,national_id,payment_card,iban,ip_address,birth_date,health_code,other" doc:"Data sets with columns of this kind of personal data, found or confirmed, or of any kind"`
}

func (f Filters) filter() search.Filter {
	filter := search.Filter{Kind: f.Kind, Domain: f.Domain, Tag: f.Tag, Term: f.Term, Column: f.Column, Personal: f.Personal}
	if f.Owner != uuid.Nil {
		filter.Owner = &f.Owner
	}
	return filter
}

// Request is the search.
type Request struct {
	Text string `query:"q" doc:"Words" example:"sales email"`
	Filters
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Maximum number of items"`
	Cursor string `query:"cursor" maxLength:"500" doc:"next_cursor of the previous page of the same search"`
}

// Item is a data set that was found.
type Item struct {
	ID             uuid.UUID   `json:"id" format:"uuid"`
	OrganizationID uuid.UUID   `json:"organization_id" format:"uuid" doc:"Another one than yours if the data set is shared with you"`
	Kind           string      `json:"kind"`
	Name           string      `json:"name"`
	Description    string      `json:"description"`
	Domain         string      `json:"domain"`
	Owner          uuid.UUID   `json:"owner" format:"uuid"`
	Tags           []string    `json:"tags" nullable:"false"`
	Terms          []string    `json:"terms" nullable:"false"`
	Personal       []string    `json:"personal" nullable:"false" doc:"Kinds of personal data in columns, found or confirmed"`
	Columns        int         `json:"columns" doc:"How many columns the current version has"`
	Popularity     float64     `json:"popularity" doc:"Reads, each of which counts as one at first, and after 15 days as half"`
	UpdatedAt      *time.Time  `json:"updated_at,omitempty" doc:"Since when the current version is current"`
	Highlights     []Highlight `json:"highlights" nullable:"false" doc:"Where the words are, at most 10"`
}

// Highlight is a text with words that were looked for.
type Highlight struct {
	In     string `json:"in" enum:"name,description,domain,column,column_description,tag,term,synonym,value"`
	Column string `json:"column,omitempty" doc:"Of a value"`
	HTML   string `json:"html" doc:"The text as HTML, escaped, with the words in <mark>"`
}

// Count is how many data sets have a value.
type Count struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Facets count the data sets by their values, the most frequent first.
type Facets struct {
	Kind   []Count `json:"kind" nullable:"false"`
	Domain []Count `json:"domain" nullable:"false" doc:"At most 20"`
	Tag    []Count `json:"tag" nullable:"false" doc:"At most 20"`
	Owner  []Count `json:"owner" nullable:"false" doc:"At most 20"`

	Personal []Count `json:"personal" nullable:"false" doc:"Kinds of personal data"`
}

// Response is one page of data sets.
type Response struct {
	Body struct {
		Items      []Item `json:"items" nullable:"false" doc:"The best first"`
		Total      int64  `json:"total" doc:"How many data sets were found"`
		More       bool   `json:"more" doc:"Whether there are more than were counted"`
		Corrected  bool   `json:"corrected" doc:"Nothing has all words: these data sets have words that differ by a letter"`
		Facets     Facets `json:"facets" doc:"Counts of all pages"`
		NextCursor string `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

// Function finds data sets.
type Function struct {
	db    *outbox.DB
	index search.Finder
}

// New connects the function to its database, and opens the search server.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	server, err := env.Search()
	return &Function{db: db, index: search.InServer(db, server)}, err
}

// Search finds data sets. One statement counts and pages what the caller may read of the matches.
func (f *Function) Search(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	from, err := start(in.Cursor, time.Now())
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	found, err := f.find(ctx, reader, in.Text, in.filter(), considered)
	if err != nil {
		return nil, err
	}
	p, err := f.page(ctx, reader, found, in.filter(), from, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.Total, out.Body.Facets, out.Body.More = p.Total, p.Facets, found.More
	out.Body.Corrected = found.Corrected && p.Total > 0
	if len(p.Items) > in.Limit {
		p.Items = p.Items[:in.Limit]
		out.Body.NextCursor = from.after(p.Items[in.Limit-1]).String()
	}
	out.Body.Items = make([]Item, len(p.Items))
	for i, s := range p.Items {
		out.Body.Items[i] = s.item(found.Words)
	}
	return out, nil
}
