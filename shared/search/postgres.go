package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// Postgres is the index in the table search_documents.
type Postgres struct{ db db }

type db interface {
	database.Querier
	database.Writer
}

var _ Index = Postgres{}

// InDatabase returns the index of a database.
func InDatabase(db db) Postgres { return Postgres{db} }

const (
	putDocument    = `SELECT search_put($1)`
	deleteDocument = `DELETE FROM search_documents WHERE id = $1`
	selectWords    = `SELECT search_words($1)`
	selectNewest   = `SELECT id, 1::float8 AS score FROM search_documents WHERE lexemes @@ $1::tsquery ORDER BY id DESC LIMIT $2`

	// The first matches are those whose name has the words, so that no limit cuts them off.
	selectMatches = `
SELECT id, score FROM (
    (SELECT id, ` + score + ` AS score FROM search_documents WHERE lexemes @@ $1::tsquery LIMIT $5)
    UNION (SELECT id, ` + score + ` AS score FROM search_documents WHERE lexemes @@ $2::tsquery LIMIT $5)
) found ORDER BY score DESC, id DESC LIMIT $5`
	score = `0.01 + ts_rank('{0.1, 0.2, 0.5, 1}', lexemes, $3::tsquery)::float8 + CASE WHEN lexemes @@ $4::tsquery THEN 1 ELSE 0 END`
)

// Put implements Index.
func (p Postgres) Put(ctx context.Context, d Document) error {
	if err := p.db.Write(ctx, putDocument, d); err != nil {
		return fmt.Errorf("index document: %w", err)
	}
	return nil
}

// Delete implements Index.
func (p Postgres) Delete(ctx context.Context, id uuid.UUID) error {
	if err := p.db.Write(ctx, deleteDocument, id); err != nil {
		return fmt.Errorf("remove document from the index: %w", err)
	}
	return nil
}

// Find implements Index.
func (p Postgres) Find(ctx context.Context, q Query) (found Found, err error) {
	scope := q.scope()
	if q.Text == "" {
		found.Matches, err = p.matches(ctx, selectNewest, scope, q.Limit+1)
		return found.cut(q.Limit), err
	}
	if found.Words, err = p.words(ctx, q.Text); err != nil || len(found.Words) == 0 {
		return found, err
	}
	text := all(found.Words, word)
	found.Matches, err = p.matches(ctx, selectMatches,
		and(all(found.Words, nameWord), scope), and(text, scope), text, all(found.Words, func(w string) string { return lexeme(" n:" + w) }), q.Limit+1)
	if err != nil || len(found.Matches) > 0 {
		return found.cut(q.Limit), err
	}
	similar := all(found.Words, similarWord)
	found.Matches, err = p.matches(ctx, selectMatches, and(similar, scope), and(similar, scope), similar, similar, q.Limit+1)
	found.Corrected = len(found.Matches) > 0
	return found.cut(q.Limit), err
}

func (f Found) cut(limit int) Found {
	if f.More = len(f.Matches) > limit; f.More {
		f.Matches = f.Matches[:limit]
	}
	return f
}

// matches plans each query for its own words, because the best plan depends on how frequent they are.
func (p Postgres) matches(ctx context.Context, sql string, args ...any) ([]Match, error) {
	rows, _ := p.db.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Match])
	if err != nil {
		return nil, fmt.Errorf("find documents: %w", err)
	}
	return found, nil
}

// words returns the words of a text as the database folds them.
func (p Postgres) words(ctx context.Context, text string) ([]string, error) {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, " "), "\x00", " ")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText])
	}
	row, err := database.One[struct{ SearchWords string }](ctx, p.db, pgx.ErrNoRows, selectWords, text)
	if err != nil {
		return nil, fmt.Errorf("fold words: %w", err)
	}
	words := strings.Fields(row.SearchWords)
	words = words[:min(len(words), maxWords)]
	for i, w := range words {
		if runes := []rune(w); len(runes) > 100 {
			words[i] = string(runes[:100])
		}
	}
	return words, nil
}

// scope returns the condition of the filter and the reader as a tsquery.
func (q Query) scope() string {
	readers := make([]string, len(q.Readers))
	for i, r := range q.Readers {
		readers[i] = exact("r", r)
	}
	return and("("+strings.Join(readers, " | ")+")", q.Filter.TSQuery())
}

// TSQuery returns the filter as a tsquery on the lexemes of search_documents. It is empty if the filter is.
func (f Filter) TSQuery() string {
	var conditions []string
	for _, c := range []struct{ prefix, value string }{{"k", f.Kind}, {"d", f.Domain}, {"t", f.Tag}, {"m", f.Term}, {"c", f.Column}} {
		if c.value != "" {
			conditions = append(conditions, exact(c.prefix, c.value))
		}
	}
	if f.Owner != nil {
		conditions = append(conditions, exact("o", f.Owner.String()))
	}
	return strings.Join(conditions, " & ")
}

// exact corresponds to the function search_exact of the database.
func exact(prefix, value string) string {
	runes := []rune(strings.ToLower(strings.ReplaceAll(strings.ToValidUTF8(value, ""), "\x00", "")))
	return lexeme(" " + prefix + ":" + string(runes[:min(len(runes), 100)]))
}

func lexeme(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

func word(w string) string     { return prefixed(w, w) }
func nameWord(w string) string { return prefixed(" n:"+w, w) }

func prefixed(text, w string) string {
	if utf8.RuneCountInString(w) >= prefixFrom {
		return lexeme(text) + ":*"
	}
	return lexeme(text)
}

// similarWord matches words that differ from w by one letter; see the function search_variants of the database.
func similarWord(w string) string {
	runes, similar := []rune(w), []string{word(w)}
	if len(runes) >= 4 && len(runes) <= 30 {
		similar = append(similar, lexeme(" x:"+w))
		for i := range runes {
			similar = append(similar, lexeme(" x:"+string(slices.Delete(slices.Clone(runes), i, i+1))))
		}
	}
	return "(" + strings.Join(similar, " | ") + ")"
}

func all(words []string, condition func(string) string) string {
	conditions := make([]string, len(words))
	for i, w := range words {
		conditions[i] = condition(w)
	}
	return strings.Join(conditions, " & ")
}

func and(a, b string) string {
	if b == "" {
		return a
	}
	return a + " & " + b
}
