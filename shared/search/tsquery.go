package search

import (
	"slices"
	"strings"
)

// condition is a part of a tsquery.
type condition struct {
	query    string
	lexemes  []string // of which a document has one
	prefixes []string // of lexemes of which a document has one
}

// conditions are what a document fulfils. They are at least one.
type conditions []condition

func (c conditions) tsquery() string {
	return all(c, func(c condition) string { return c.query })
}

func all[T any](items []T, text func(T) string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = text(item)
	}
	return strings.Join(texts, " & ")
}

func each(words []string, c func(string) condition) conditions {
	out := make(conditions, len(words))
	for i, w := range words {
		out[i] = c(w)
	}
	return slices.Clip(out)
}

// scope returns the conditions of the reader and of the filter.
func (q Query) scope() conditions {
	readers := condition{}
	for _, r := range q.Readers {
		readers.lexemes = append(readers.lexemes, exact("r", r))
	}
	readers.query = readers.any()
	return append(conditions{readers}, q.conditions()...)
}

// TSQuery returns the filter as a tsquery on the lexemes of search_documents. It is empty if the filter is.
func (f Filter) TSQuery() string { return f.conditions().tsquery() }

func (f Filter) conditions() conditions {
	var out conditions
	for _, c := range []struct{ prefix, value string }{{"k", f.Kind}, {"d", f.Domain}, {"t", f.Tag}, {"m", f.Term}, {"c", f.Column}} {
		if c.value != "" {
			out = append(out, lexeme(exact(c.prefix, c.value)))
		}
	}
	if f.Owner != nil {
		out = append(out, lexeme(exact("o", f.Owner.String())))
	}
	return out
}

// exact corresponds to the function search_exact of the database.
func exact(prefix, value string) string {
	return " " + prefix + ":" + Exact(value)
}

func lexeme(text string) condition {
	c := condition{lexemes: []string{text}}
	c.query = c.any()
	return c
}

func (c condition) any() string {
	var alternatives []string
	for _, p := range c.prefixes {
		alternatives = append(alternatives, quoted(p)+":*")
	}
	for _, l := range c.lexemes {
		alternatives = append(alternatives, quoted(l))
	}
	if len(alternatives) == 1 {
		return alternatives[0]
	}
	return "(" + strings.Join(alternatives, " | ") + ")"
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

func word(w string) condition     { return prefixed(w, w) }
func nameWord(w string) condition { return prefixed(" n:"+w, w) }

func prefixed(text, w string) condition {
	if !Prefix(w) {
		return lexeme(text)
	}
	c := condition{prefixes: []string{text}}
	c.query = c.any()
	return c
}

// similarWord matches words that differ from w by one letter; see the function search_variants of the database.
func similarWord(w string) condition {
	c := word(w)
	for _, v := range Variants(w) {
		c.lexemes = append(c.lexemes, " x:"+v)
	}
	c.query = c.any()
	return c
}
