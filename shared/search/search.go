// Package search finds documents by their words, in the database or in a search server.
//
// An [Index] narrows: it returns the best matches among what a reader should see. Whoever shows matches checks in the
// database what exists and who may read it, so an index that lags behind never reveals anything.
package search

import (
	"context"

	"github.com/google/uuid"
)

// Document is what searches find.
type Document struct {
	ID                 uuid.UUID  `json:"id"`
	Kind               string     `json:"kind"`
	Name               string     `json:"name"`
	Description        string     `json:"description"`
	Domain             string     `json:"domain"`
	Owner              *uuid.UUID `json:"owner"`
	Columns            []string   `json:"columns"`
	ColumnDescriptions []string   `json:"column_descriptions"`
	Tags               []string   `json:"tags"`
	Terms              []string   `json:"terms"`
	Synonyms           []string   `json:"synonyms"`
	Values             []Value    `json:"values"`
	Personal           []string   `json:"personal"` // kinds of personal data
	Readers            []string   `json:"readers"`  // the marks of those who may read it
}

// Value is a value of a column.
type Value struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Filter selects documents by exact values, which ignore case. Empty members select all.
type Filter struct {
	Kind, Domain, Tag, Term, Column string
	Personal                        string // a kind of personal data, or any
	Owner                           *uuid.UUID
}

// Query asks for the documents with all words of a text.
type Query struct {
	Text string // empty: all documents, newest first
	Filter
	Readers []string // marks of the reader: documents with one of them match
	Limit   int      // positive
}

// Match is a document that matches.
type Match struct {
	ID    uuid.UUID
	Score float64 // positive; higher is better
}

// Found is the result of a query.
type Found struct {
	Words     []string // that were looked for: in lower case, without accents
	Matches   []Match  // the best first
	More      bool     // more documents match than the limit
	Corrected bool     // no document has all words; these have words that differ by a letter
}

// Index finds documents. A word of a query matches words that begin with it, if it has at least two letters. Case and
// accents are ignored. Implementations are safe for concurrent use and pass the tests of package searchtest.
type Index interface {
	// Put inserts or replaces a document.
	Put(ctx context.Context, d Document) error

	// Delete removes a document, if it is there.
	Delete(ctx context.Context, id uuid.UUID) error

	// Find finds documents. Any text is a query: what is not a letter or a digit separates words. Only the first 20
	// words count.
	Find(ctx context.Context, q Query) (Found, error)
}

const (
	maxWords   = 20
	maxText    = 2000 // characters of a query that are looked at
	maxWord    = 100  // characters of a word or of the value of a filter that are compared
	prefixFrom = 2    // letters of a word that finds words which begin with it
)
