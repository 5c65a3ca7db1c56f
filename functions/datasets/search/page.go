package search

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/catalogue"
	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/search"
)

// find finds matches among what the reader may find.
func (f *Function) find(ctx context.Context, r access.Reader, text string, filter search.Filter, limit int) (search.Found, error) {
	return f.index.Find(ctx, search.Query{Text: text, Filter: filter, Readers: catalogue.Marks(r), Limit: limit})
}

// The database decides again what the reader may read and what the filter selects: an index may lag behind, and a share
// expires without a change. may_read is not called for what every member of the organization may read, because calling it for
// each match would take most of the time.
const readable = `
FROM unnest(@ids::uuid[], @scores::float8[]) m (id, score)
JOIN datasets d ON d.id = m.id JOIN search_documents s ON s.id = m.id LEFT JOIN dataset_popularity p ON p.dataset_id = m.id
WHERE d.deleted_at IS NULL AND (d.organization_id = @organization AND NOT d.restricted OR may_read(d, @reader))
  AND (@filter = '' OR s.lexemes @@ @filter::tsquery)`

const (
	selectPage = `
WITH found AS MATERIALIZED (
    SELECT m.id, d.organization_id, d.ready_version, s.kind, s.domain, s.tags, s.personal, s.owner, coalesce(decayed(p.reads, p.at, @moment), 0) AS popularity,
           m.score * (1 + ln(1 + coalesce(decayed(p.reads, p.at, @moment), 0))) AS score ` + readable + `
), counts AS (
    SELECT 'kind' AS facet, kind AS value, count(*) AS count FROM found GROUP BY kind
    UNION ALL SELECT 'domain', domain, count(*) FROM found WHERE domain <> '' GROUP BY domain
    UNION ALL SELECT 'tag', tag, count(*) FROM found, unnest(tags) tag GROUP BY tag
    UNION ALL SELECT 'personal', personal_kind, count(*) FROM found, unnest(personal) personal_kind GROUP BY personal_kind
    UNION ALL SELECT 'owner', owner::text, count(*) FROM found WHERE owner IS NOT NULL GROUP BY owner
), facets AS (
    SELECT facet, jsonb_agg(jsonb_build_object('value', value, 'count', count) ORDER BY count DESC, value) AS counts
    FROM (SELECT *, row_number() OVER (PARTITION BY facet ORDER BY count DESC, value) AS place FROM counts) c WHERE place <= 20 GROUP BY facet
), page AS (
    SELECT * FROM found WHERE (score, id) < (@score, @id) ORDER BY score DESC, id DESC LIMIT @limit
)
SELECT (SELECT count(*) FROM found) AS total,
       (SELECT jsonb_object_agg(facet, counts) FROM facets) AS facets,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('score', page.score, 'organization_id', page.organization_id, 'popularity', page.popularity,
               'updated_at', v.profiled_at, 'document', s.document) ORDER BY page.score DESC, page.id DESC), '[]')
        FROM page JOIN search_documents s USING (id) LEFT JOIN dataset_versions v ON v.dataset_id = page.id AND v.version = page.ready_version) AS items`

	selectDocuments = `SELECT s.document ` + readable + ` ORDER BY m.score DESC, m.id DESC`
)

func arguments(r access.Reader, found search.Found, filter search.Filter) pgx.NamedArgs {
	ids, scores := make([]uuid.UUID, len(found.Matches)), make([]float64, len(found.Matches))
	for i, m := range found.Matches {
		ids[i], scores[i] = m.ID, m.Score
	}
	return pgx.NamedArgs{"ids": ids, "scores": scores, "organization": r.Organization, "reader": r, "filter": filter.TSQuery()}
}

// page is one page of what was found.
type page struct {
	Total  int64
	Facets Facets
	Items  []result
}

// result is a data set that was found.
type result struct {
	Score          float64         `json:"score"`
	OrganizationID uuid.UUID       `json:"organization_id"`
	Popularity     float64         `json:"popularity"`
	UpdatedAt      *time.Time      `json:"updated_at"`
	Document       search.Document `json:"document"`
}

func (f *Function) page(ctx context.Context, r access.Reader, found search.Found, filter search.Filter, from cursor, limit int) (page, error) {
	args := arguments(r, found, filter)
	args["moment"], args["score"], args["id"], args["limit"] = from.Moment, from.Score, from.ID, limit+1
	p, err := database.One[struct {
		Total  int64
		Facets *Facets
		Items  []result
	}](ctx, f.db, pgx.ErrNoRows, selectPage, args)
	if err != nil {
		return page{}, fmt.Errorf("read page of search: %w", err)
	}
	out := page{Total: p.Total, Items: p.Items}
	if p.Facets != nil {
		out.Facets = *p.Facets
	}
	for _, counts := range []*[]Count{&out.Facets.Kind, &out.Facets.Domain, &out.Facets.Tag, &out.Facets.Owner, &out.Facets.Personal} {
		if *counts == nil {
			*counts = []Count{}
		}
	}
	return out, nil
}

// cursor is where a page begins. Popularity is that of the moment of the first page, so that its decay does not change the
// order between two pages.
type cursor struct {
	Moment time.Time
	Score  float64
	ID     uuid.UUID
}

func start(text string, now time.Time) (cursor, error) {
	if text == "" {
		return cursor{Moment: now, Score: math.MaxFloat64, ID: uuid.Max}, nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.Moment.Before(now.AddDate(-1, 0, 0)) || c.Moment.After(now.AddDate(0, 0, 1)) {
		return c, fault.At("query.cursor", "this is not a cursor of this search: start without one, or use next_cursor of the previous page")
	}
	return c, nil
}

func (c cursor) after(r result) cursor {
	return cursor{Moment: c.Moment, Score: r.Score, ID: r.Document.ID}
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) // of a time, a finite number and an identifier, which cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}
