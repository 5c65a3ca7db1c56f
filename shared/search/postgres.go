package search

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// Postgres is the index in the table search_documents. It looks first among the hot documents, which are the newest and the most
// popular: a query that matches many documents is answered from them.
type Postgres struct {
	db     db
	common *frequencies
}

type db interface {
	database.Querier
	database.Writer
}

var _ Index = Postgres{}

// InDatabase returns the index of a database.
func InDatabase(db db) Postgres { return Postgres{db, &frequencies{}} }

const (
	putDocument    = `SELECT search_put($1)`
	deleteDocument = `DELETE FROM search_documents WHERE id = $1`
	selectWords    = `
SELECT left(word, $2) AS word, ARRAY(
    SELECT DISTINCT v.word FROM search_vocabulary v WHERE v.word >= left(w.word, $2) AND v.word < left(w.word, $2) || chr(1114111) ORDER BY 1 LIMIT $4) AS known
FROM regexp_split_to_table(search_words($1), ' ') WITH ORDINALITY w (word, place) WHERE word <> '' AND place <= $3 ORDER BY place`
	selectHot    = `SELECT id, score FROM search_hot($1, $2, $3, $4)`
	selectRest   = `SELECT id, score FROM search_rest($1, $2, $3, $4, $5)`
	selectNewest = `
SELECT id, search_score(lexemes, $2, $3) AS score FROM (
    SELECT id, lexemes FROM (SELECT id, lexemes FROM search_documents ORDER BY id DESC LIMIT $5) newest WHERE lexemes @@ $1::tsquery ORDER BY id DESC LIMIT $4
) s`
)

// What matches at least the share frequent of the documents is looked for among the newest ones first, which likely are enough.
const (
	newest   = 4000
	frequent = 0.3
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
		found.Matches, err = p.unworded(ctx, scope, q.Limit+1)
		return found.cut(q.Limit), err
	}
	words, err := p.words(ctx, q.Text)
	if err != nil || len(words) == 0 {
		return found, err
	}
	found.Words = texts(words)
	found.Matches, err = p.worded(ctx, words, exactly, scope, q.Limit+1)
	if err != nil || len(found.Matches) > 0 {
		return found.cut(q.Limit), err
	}
	found.Matches, err = p.worded(ctx, words, similarly, scope, q.Limit+1)
	found.Corrected = len(found.Matches) > 0
	return found.cut(q.Limit), err
}

// unworded returns the newest documents of a scope.
func (p Postgres) unworded(ctx context.Context, scope conditions, most int) ([]Match, error) {
	found, err := p.tiers(ctx, scope, nil, nil, most, false)
	slices.SortFunc(found, newer)
	return found, err
}

// worded returns the best documents with words. Those with the words in their names are looked for separately where there are too many,
// so that the limit does not cut them off, if they are not very frequent either.
func (p Postgres) worded(ctx context.Context, words []known, how lookup, scope conditions, most int) ([]Match, error) {
	looked := how.conditions("", words)
	if looked == nil {
		return nil, nil
	}
	text, name := how.ranked(words), named(texts(words))
	found, err := p.tiers(ctx, append(looked, scope...), &text, &name, most, false)
	if err == nil && len(found) >= most {
		var named []Match
		if names := lookup(exactly).conditions(" n:", words); names != nil {
			named, err = p.tiers(ctx, append(names, scope...), &text, &name, most, true)
		}
		found = union(found, named)
	}
	return sorted(found)[:min(len(found), most)], err
}

// sorted sorts matches, the best first and the newest of equals.
func sorted(found []Match) []Match {
	slices.SortFunc(found, func(a, b Match) int { return cmp.Or(cmp.Compare(b.Score, a.Score), newer(a, b)) })
	return found
}

// tiers looks among the newest and the hot documents, and among the rest if there are not enough; if cheap, only where that is fast.
func (p Postgres) tiers(ctx context.Context, all conditions, words, name *string, most int, cheap bool) ([]Match, error) {
	plan := p.plan(ctx, all, most)
	if plan.share >= frequent {
		found, err := p.matches(ctx, selectNewest, all.tsquery(), words, name, most, newest)
		if err != nil || len(found) == most {
			return found, err
		}
	}
	found, err := p.matches(ctx, selectHot, all.tsquery(), words, name, most)
	if err != nil || len(found) == most {
		return found, err
	}
	if cheap && plan.collected > mostCollected {
		return found, nil
	}
	var also *string
	if len(plan.tested) > 0 {
		text := plan.tested.tsquery()
		also = &text
	}
	rest, err := p.matches(ctx, selectRest, plan.indexed.tsquery(), also, words, name, most-len(found))
	return append(found, rest...), err
}

func union(a, b []Match) []Match {
	seen := make(map[uuid.UUID]bool, len(a))
	for _, m := range a {
		seen[m.ID] = true
	}
	for _, m := range b {
		if !seen[m.ID] {
			a = append(a, m)
		}
	}
	return a
}

func newer(a, b Match) int { return bytes.Compare(b.ID[:], a.ID[:]) }

func (f Found) cut(limit int) Found {
	if f.More = len(f.Matches) > limit; f.More {
		f.Matches = f.Matches[:limit]
	}
	return f
}

func (p Postgres) matches(ctx context.Context, sql string, args ...any) ([]Match, error) {
	rows, _ := p.db.Query(ctx, sql, args...)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[Match])
	if err != nil {
		return nil, fmt.Errorf("find documents: %w", err)
	}
	return found, nil
}

// words returns the words of a text as the database folds them.
func (p Postgres) words(ctx context.Context, text string) ([]known, error) {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, " "), "\x00", " ")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText])
	}
	rows, _ := p.db.Query(ctx, selectWords, text, maxWord, maxWords, maxKnown+1)
	words, err := pgx.CollectRows(rows, pgx.RowToStructByName[known])
	if err != nil {
		return nil, fmt.Errorf("fold words: %w", err)
	}
	return words, nil
}
