package search

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// frequencies are the most common lexemes as the statistics of the database have them. They choose between plans only.
type frequencies struct {
	mu        sync.Mutex
	read      time.Time
	documents float64
	common    []frequency // in the order of their lexemes
	least     float64     // what a lexeme that is not among them has at most
}

type frequency struct {
	Lexeme string
	Share  float64 // of the documents
}

// pg_stats has two or three more frequencies than elements: the least, the greatest, and that of NULL.
const selectFrequencies = `
SELECT (SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'search_documents'::regclass)::float8 AS documents,
       coalesce((SELECT jsonb_agg(jsonb_build_object('Lexeme', l, 'Share', share) ORDER BY l COLLATE "C")
                 FROM unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) e (l, share) WHERE l IS NOT NULL), '[]') AS common
FROM (SELECT) one LEFT JOIN pg_stats s ON s.schemaname = current_schema() AND s.tablename = 'search_documents' AND s.attname = 'lexemes'`

// frequenciesLast is how long frequencies are used.
const frequenciesLast = 5 * time.Minute

func (p Postgres) refresh(ctx context.Context) error {
	f := p.common
	if !f.read.IsZero() && time.Since(f.read) < frequenciesLast {
		return nil
	}
	read, err := database.One[struct {
		Documents float64
		Common    []frequency
	}](ctx, p.db, pgx.ErrNoRows, selectFrequencies)
	if err != nil {
		return err
	}
	f.documents, f.common, f.least, f.read = read.Documents, read.Common, 1, time.Now()
	for _, c := range f.common {
		f.least = min(f.least, c.Share)
	}
	return nil
}

// share returns about how large a share of the documents fulfils a condition.
func (f *frequencies) share(c condition) float64 {
	sum := 0.0
	add := func(text string, matches func(lexeme, text string) bool) {
		i, _ := slices.BinarySearchFunc(f.common, text, func(c frequency, text string) int { return strings.Compare(c.Lexeme, text) })
		for ; i < len(f.common) && matches(f.common[i].Lexeme, text); i++ {
			sum += f.common[i].Share
		}
	}
	for _, l := range c.lexemes {
		add(l, func(a, b string) bool { return a == b })
	}
	for _, p := range c.prefixes {
		add(p, strings.HasPrefix)
	}
	return min(max(sum, f.least), 1)
}

// What it costs to look up a match of a prefix or of a lexeme in the index, and to test a document that is found or one that is not, as measured.
// Only their ratios count.
const (
	costOfEntry    = 0.3
	costOfSkip     = 0.4
	costOfTest     = 3.0
	costOfDocument = 10.0
)

// mostCollected is how many matches of prefixes the index collects in a few milliseconds.
const mostCollected = 50_000

// plan says how to find documents: the index finds those that fulfil some conditions, and of these remain those that fulfil the others.
type plan struct {
	indexed, tested conditions
	collected       float64 // about how many matches of prefixes the index has
	share           float64 // about how large a share of the documents fulfils all conditions
}

// plan leaves to the index what is not faster to test. For a prefix the index collects all matches, and for a lexeme it looks up what fulfils the
// other conditions, which takes longer than to test a few documents.
func (p Postgres) plan(ctx context.Context, all conditions, most int) plan {
	f := p.common
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.refresh(ctx) != nil {
		return plan{indexed: all} // without frequencies, searches are only slower
	}
	shares, rarest := make([]float64, len(all)), 0
	for i, c := range all {
		if shares[i] = f.share(c); shares[i] < shares[rarest] {
			rarest = i
		}
	}
	out := plan{share: 1}
	for i, c := range all {
		out.share *= shares[i]
		matches, prefix := shares[i]*f.documents, len(c.prefixes) > 0
		looked := matches * costOfEntry
		if !prefix {
			looked = shares[rarest] * f.documents * costOfSkip
		}
		visited := min(shares[rarest]*f.documents, float64(most)/shares[i])
		found := visited * shares[i]
		if i != rarest && found*costOfTest+(visited-found)*costOfDocument < looked {
			out.tested = append(out.tested, c)
			continue
		}
		out.indexed = append(out.indexed, c)
		if prefix {
			out.collected += matches
		}
	}
	return out
}
