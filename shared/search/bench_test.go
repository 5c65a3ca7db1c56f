package search_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"function/shared/database"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/search"
)

// Entries as a catalogue has them: names of two words and a number, ten columns of two words, descriptions of twelve, two
// tags. The n-th of 20,000 words is as frequent as in a language, in proportion to 1/n. Beyond 10,000, entries are copies
// of others.
var fill = []string{
	`SET statement_timeout = 0`,
	`SET maintenance_work_mem = '1GB'`,
	`DROP INDEX search_documents_lexemes, search_documents_hot`,
	`CREATE TEMPORARY TABLE word AS SELECT n AS j, substr(md5(n::text), 1, 4 + n % 5) AS w FROM generate_series(1, 20000) n`,
	`CREATE TEMPORARY TABLE picked AS
	 SELECT i, array_agg(w) AS p FROM (SELECT i, 1 + floor(20000 ^ random())::int % 20000 AS j FROM generate_series(1, least(10000, $1::int)) i, generate_series(1, 36)) t JOIN word USING (j) GROUP BY i`,
	`SELECT search_put(jsonb_build_object('id', gen_random_uuid(), 'kind', (ARRAY['table', 'table', 'table', 'documents', 'objects'])[1 + i % 5],
	     'name', p[1] || '_' || p[2] || '_' || i, 'description', array_to_string(p[3:14], ' '), 'domain', 'domain ' || i % 40,
	     'owner', ('00000000-0000-4000-8000-' || lpad((i % 500)::text, 12, '0')), 'tags', jsonb_build_array(p[35], p[36]),
	     'columns', to_jsonb(ARRAY(SELECT a || '_' || b FROM unnest(p[15:24], p[25:34]) c (a, b))),
	     'readers', jsonb_build_array('member/' || CASE WHEN i % 10 = 0 THEN 2 ELSE 1 END))) IS NULL FROM picked`,
	`INSERT INTO search_documents SELECT gen_random_uuid(), kind, domain, owner, tags, document, lexemes || array_to_tsvector(ARRAY['rare' || n]), false
	 FROM (SELECT *, row_number() OVER () AS r FROM search_documents) s, generate_series(2, $1::int / 10000) g, LATERAL (SELECT g * 10000 + r AS n) numbered`,
	`UPDATE search_documents SET hot = id IN (SELECT id FROM search_documents ORDER BY id DESC LIMIT 40000) WHERE hot <> (id IN (SELECT id FROM search_documents ORDER BY id DESC LIMIT 40000))`,
	`CREATE INDEX search_documents_lexemes ON search_documents USING gin (lexemes)`,
	`CREATE INDEX search_documents_hot ON search_documents USING gin (lexemes) WHERE hot`,
	`VACUUM ANALYZE search_documents`,
}

// BenchmarkSearch reports the median and the 95th percentile of searches in SEARCH_ENTRIES entries.
func BenchmarkSearch(b *testing.B) {
	entries, _ := strconv.Atoi(os.Getenv("SEARCH_ENTRIES"))
	if entries == 0 {
		entries = 20_000
	}
	p := platformtest.New(b)
	ctx := context.Background()
	db := p.DB(database.Datasets)
	conn, err := db.Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, statement := range fill {
		var args []any
		if strings.Contains(statement, "$1") {
			args = append(args, entries)
		}
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			b.Fatal(err)
		}
	}
	rows, _ := conn.Query(ctx, `SELECT lexeme FROM (SELECT (unnest(lexemes)).lexeme AS lexeme FROM (SELECT lexemes FROM search_documents ORDER BY id LIMIT 300) s) l WHERE lexeme !~ '^ ' AND length(lexeme) > 3 ORDER BY random() LIMIT 500`)
	var words []string
	for rows.Next() {
		var w string
		if err := rows.Scan(&w); err != nil {
			b.Fatal(err)
		}
		words = append(words, w)
	}
	index := search.InDatabase(outbox.New(db, "bench", nil))
	cut := func(w string, n int) string { return w[:min(n, len(w))] }
	for _, kind := range []struct {
		name  string
		query func(i int) search.Query
	}{
		{"word", func(i int) search.Query { return search.Query{Text: words[i%len(words)]} }},
		{"rare word", func(i int) search.Query {
			return search.Query{Text: fmt.Sprint("rare", 30000+i*7919%(max(entries, 40_000)-30_000))}
		}},
		{"absent word", func(i int) search.Query { return search.Query{Text: fmt.Sprint("zzqq", i)} }},
		{"rare and frequent word", func(i int) search.Query { return search.Query{Text: fmt.Sprint("c81e7 rare", 300+i%100)} }},
		{"two words", func(i int) search.Query {
			return search.Query{Text: words[i%len(words)] + " " + words[(i*7+1)%len(words)]}
		}},
		{"prefix of 3", func(i int) search.Query { return search.Query{Text: cut(words[i%len(words)], 3)} }},
		{"prefix of 2", func(i int) search.Query { return search.Query{Text: cut(words[i%len(words)], 2)} }},
		{"typo", func(i int) search.Query { w := words[i%len(words)]; return search.Query{Text: w[:2] + "zq" + w[3:]} }},
		{"filter", func(i int) search.Query {
			return search.Query{Text: words[i%len(words)], Filter: search.Filter{Domain: fmt.Sprint("domain ", i%40)}}
		}},
		{"no text", func(i int) search.Query { return search.Query{} }},
		{"domain alone", func(i int) search.Query {
			return search.Query{Filter: search.Filter{Domain: fmt.Sprint("domain ", i%40)}}
		}},
		{"most frequent word", func(i int) search.Query { return search.Query{Text: "c81e7"} }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var took []time.Duration
			matches := 0
			for i := 0; b.Loop(); i++ {
				q := kind.query(i)
				q.Readers, q.Limit = []string{"member/1", "share/1"}, 1000
				began := time.Now()
				found, err := index.Find(ctx, q)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				matches += len(found.Matches)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(matches)/float64(len(took)), "matches")
		})
	}
}
