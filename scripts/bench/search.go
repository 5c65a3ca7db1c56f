package main

import (
	"cmp"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/postgres"
)

const (
	defaultEntries = 1_000_000
	searches       = 200 // of each kind
	searchLimit    = 50 * time.Millisecond
)

// fillCatalogue adds data sets like the first one. Entries have names of three words, ten columns of two words, descriptions of
// twelve, and two tags. The n-th of 20,000 words is as frequent as in a language, in proportion to 1/n. Beyond 10,000, entries are copies of
// others with one word of their own. Triggers are off, because they would write each entry once more.
var fillCatalogue = []string{
	`SET session_replication_role = replica`,
	`SET maintenance_work_mem = '1GB'`,
	`DROP INDEX search_documents_lexemes, search_documents_hot`,
	`CREATE TEMPORARY TABLE word AS SELECT n AS j, substr(md5(n::text), 1, 4 + n % 5) AS w FROM generate_series(1, 20000) n`,
	`CREATE TEMPORARY TABLE picked AS
	 SELECT i, array_agg(w) AS p FROM (SELECT i, 1 + floor(20000 ^ random())::int % 20000 AS j FROM generate_series(1, 10000) i, generate_series(1, 36)) t JOIN word USING (j) GROUP BY i`,
	`SELECT count(search_put(jsonb_build_object('id', gen_random_uuid(), 'kind', (ARRAY['table', 'table', 'table', 'documents', 'objects'])[1 + i % 5],
	     'name', p[1] || '_' || p[2] || '_' || i, 'description', array_to_string(p[3:14], ' '), 'domain', 'domain ' || i % 40,
	     'owner', ('00000000-0000-4000-8000-' || lpad((i % 500)::text, 12, '0')), 'tags', jsonb_build_array(p[35], p[36]),
	     'columns', to_jsonb(ARRAY(SELECT a || '_' || b FROM unnest(p[15:24], p[25:34]) c (a, b))),
	     'readers', jsonb_build_array('member/' || (SELECT organization_id FROM datasets LIMIT 1))))) FROM picked`,
	`INSERT INTO search_documents (id, kind, domain, owner, tags, document, lexemes, hot)
	 SELECT gen_random_uuid(), kind, domain, owner, tags, document, lexemes || array_to_tsvector(ARRAY['rare' || g * 10000 + r]), false
	 FROM (SELECT *, row_number() OVER () AS r FROM search_documents WHERE hot) s, generate_series(1, $1::int / 10000 - 1) g`,
	`INSERT INTO search_vocabulary (word)
	 SELECT DISTINCT unnest(search_words_of(lexemes)) FROM search_documents WHERE hot UNION ALL SELECT 'rare' || n FROM generate_series(10001, $1::int) n`,
	`UPDATE search_documents SET document = jsonb_set(document, '{id}', to_jsonb(id)), hot = id IN (SELECT id FROM search_documents ORDER BY id DESC LIMIT 16000)
	 WHERE hot OR id IN (SELECT id FROM search_documents ORDER BY id DESC LIMIT 16000)`,
	`INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by, kind)
	 SELECT s.id, first.organization_id, s.id::text, '', first.storage_type, 'draft', first.created_by, s.kind
	 FROM search_documents s, (SELECT * FROM datasets LIMIT 1) first WHERE s.id NOT IN (SELECT id FROM datasets)`,
	`CREATE INDEX search_documents_lexemes ON search_documents USING gin (lexemes)`,
	`CREATE INDEX search_documents_hot ON search_documents USING gin (lexemes) WHERE hot`,
	`VACUUM ANALYZE`,
}

// search measures searches of a catalogue through the API, each with its facets. BENCH_ENTRIES is the number of data sets.
func (b *bench) search(ctx context.Context) (err error) {
	entries, err := number("BENCH_ENTRIES", defaultEntries)
	if err != nil {
		return err
	}
	s := &site{data: b.path("catalogue")}
	defer func() { err = errors.Join(err, s.stopPlatform()) }()
	if err := s.running(ctx); err != nil {
		return err
	}
	if _, err := s.user.create(ctx, "first", "local"); err != nil {
		return err
	}
	if err := s.stopPlatform(); err != nil {
		return err
	}
	progress("%d data sets: filling the database", entries)
	var words []string
	if err := s.offline(ctx, func(server *postgres.Server) (err error) { words, err = s.catalogue(ctx, server, entries); return err }); err != nil {
		return err
	}
	if err := s.running(ctx); err != nil {
		return err
	}
	word := func(i int) string { return words[i%len(words)] }
	ranked := func(n int) string { return fmt.Sprintf("%x", md5.Sum([]byte(strconv.Itoa(n))))[:4+n%5] } // the n-th most frequent word
	frequent := func(i int) string { return ranked(1 + i%20) }
	medium := func(i int) string { return ranked(20 + i*37%480) }
	for _, kind := range []struct {
		name  string
		query func(i int) url.Values
	}{
		{"a word", func(i int) url.Values { return url.Values{"q": {word(i)}} }},
		{"two words", func(i int) url.Values { return url.Values{"q": {word(i) + " " + word(7*i+1)}} }},
		{"a frequent word", func(i int) url.Values { return url.Values{"q": {frequent(i)}} }},
		{"two words of medium frequency", func(i int) url.Values { return url.Values{"q": {medium(i) + " " + medium(i+1)}} }},
		{"five frequent words", func(i int) url.Values {
			return url.Values{"q": {strings.Join([]string{frequent(i), frequent(i + 3), frequent(i + 7), frequent(i + 12), frequent(i + 16)}, " ")}}
		}},
		{"a rare word", func(i int) url.Values {
			return url.Values{"q": {fmt.Sprint("rare", 10_000+int64(i)*7919%max(entries-10_000, 1))}}
		}},
		{"an absent word", func(i int) url.Values { return url.Values{"q": {fmt.Sprint("zzqq", i)}} }},
		{"the most frequent word", func(int) url.Values { return url.Values{"q": {"c81e7"}} }},
		{"a prefix", func(i int) url.Values { return url.Values{"q": {word(i)[:3]}} }},
		{"a word in a domain", func(i int) url.Values { return url.Values{"q": {word(i)}, "domain": {fmt.Sprint("domain ", i%40)}} }},
		{"a frequent word in a domain", func(i int) url.Values {
			return url.Values{"q": {frequent(i)}, "domain": {fmt.Sprint("domain ", i%40)}}
		}},
		{"a domain", func(i int) url.Values { return url.Values{"domain": {fmt.Sprint("domain ", i%40)}} }},
		{"no words", func(int) url.Values { return nil }},
	} {
		took := make([]duration, searches)
		for i := range took {
			if took[i], err = timed(func() error {
				return s.user.call(ctx, http.MethodGet, "/v1/datasets/search?"+kind.query(i).Encode(), nil, nil)
			}); err != nil {
				return err
			}
		}
		slices.SortFunc(took, func(a, b duration) int { return cmp.Compare(a, b) })
		note(&b.table, fmt.Sprintf("search %d data sets for %s, median", entries, kind.name), took[len(took)/2])
		atMost(&b.table, "  95th percentile", took[len(took)*95/100], duration(searchLimit))
	}
	return nil
}

// catalogue fills the database and returns words of some entries.
func (s *site) catalogue(ctx context.Context, server *postgres.Server, entries int64) ([]string, error) {
	db, err := pgx.Connect(ctx, server.ConnString(string(database.Datasets)))
	if err != nil {
		return nil, err
	}
	defer db.Close(ctx)
	for _, statement := range fillCatalogue {
		var args []any
		if strings.Contains(statement, "$1") {
			args = append(args, entries)
		}
		if _, err := db.Exec(ctx, statement, args...); err != nil {
			return nil, fmt.Errorf("fill catalogue: %w", err)
		}
	}
	rows, _ := db.Query(ctx, `
SELECT lexeme FROM (SELECT (unnest(lexemes)).lexeme AS lexeme FROM (SELECT lexemes FROM search_documents ORDER BY id LIMIT 300) s) l
WHERE lexeme !~ '^ ' AND length(lexeme) > 3 ORDER BY md5(lexeme) LIMIT 500`)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
