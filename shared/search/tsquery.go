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
	for _, c := range []struct{ prefix, value string }{{"k", f.Kind}, {"d", f.Domain}, {"t", f.Tag}, {"m", f.Term}, {"c", f.Column}, {"p", f.Personal}} {
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
	switch len(alternatives) {
	case 0:
		return ""
	case 1:
		return alternatives[0]
	}
	return "(" + strings.Join(alternatives, " | ") + ")"
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

// known is a word of a query, with words of documents that begin with it.
type known struct {
	Word  string
	Known []string // at most maxKnown and one
}

// maxKnown is how many words a prefix is replaced by.
const maxKnown = 16

// lookup is a way to look for a word.
type lookup func(prefix string, w known) condition

// exactly looks for words that begin with a word.
func exactly(prefix string, w known) condition {
	if !Prefix(w.Word) {
		return lexeme(prefix + w.Word)
	}
	if len(w.Known) > maxKnown {
		return prefixed(prefix + w.Word)
	}
	c := condition{}
	for _, word := range w.Known {
		c.lexemes = append(c.lexemes, prefix+word)
	}
	c.query = c.any()
	return c
}

// similarly also looks for words that differ by one letter; see the function search_variants of the database.
func similarly(prefix string, w known) condition {
	c := exactly(prefix, w)
	for _, v := range Variants(w.Word) {
		c.lexemes = append(c.lexemes, " x:"+v)
	}
	c.query = c.any()
	return c
}

// conditions returns the conditions of words. It is nil if no document fulfils them.
func (l lookup) conditions(prefix string, words []known) conditions {
	out := make(conditions, len(words))
	for i, w := range words {
		if out[i] = l(prefix, w); out[i].query == "" {
			return nil
		}
	}
	return slices.Clip(out)
}

// ranked returns the tsquery that documents are ranked by: with prefixes, so that it does not depend on which words documents have.
func (l lookup) ranked(words []known) string {
	return all(words, func(w known) string { w.Known = make([]string, maxKnown+1); return l("", w).query })
}

// named returns the tsquery for names with words.
func named(words []string) string {
	return all(words, func(w string) string { return quoted(" n:" + w) })
}

func texts(words []known) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.Word
	}
	return out
}

func prefixed(text string) condition {
	c := condition{prefixes: []string{text}}
	c.query = c.any()
	return c
}
