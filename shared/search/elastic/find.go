package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/shared/search"
)

// Find implements search.Server.
func (s Server) Find(ctx context.Context, index string, q search.Query) (found search.Found, err error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if q.Text != "" {
		if found.Words = search.QueryWords(q.Text); len(found.Words) == 0 {
			return found, nil
		}
	}
	if found.Matches, err = s.search(ctx, index, q, found.Words, false); err != nil {
		return found, err
	}
	if len(found.Matches) == 0 && len(found.Words) > 0 {
		found.Matches, err = s.search(ctx, index, q, found.Words, true)
		found.Corrected = len(found.Matches) > 0
	}
	if found.More = len(found.Matches) > q.Limit; found.More {
		found.Matches = found.Matches[:q.Limit]
	}
	return found, err
}

// The weights of the parts of a document, as the database ranks them.
var weights = []struct {
	field  string
	weight float64
}{{"name", 1}, {"marks", 0.5}, {"text", 0.2}, {"values", 0.1}}

func (s Server) search(ctx context.Context, index string, q search.Query, words []string, similar bool) ([]search.Match, error) {
	must, names := []object{}, []object{}
	for _, w := range words {
		must = append(must, anyOf(matching(w, float64(len(words)), similar)...))
		names = append(names, term("name", w))
	}
	filter := []object{{"terms": object{"reader": exact(q.Readers...)}}}
	for field, value := range map[string]string{"kind": q.Kind, "domain": q.Domain, "tag": q.Tag, "term": q.Term, "column": q.Column, "personal": q.Personal} {
		if value != "" {
			filter = append(filter, term(field, search.Exact(value)))
		}
	}
	if q.Owner != nil {
		filter = append(filter, term("owner", q.Owner.String()))
	}
	conditions := object{"filter": filter}
	sort := []object{{"_score": object{"order": "desc"}}, {"id": object{"order": "desc"}}}
	if len(words) > 0 {
		conditions["must"] = must
		conditions["should"] = []object{{"constant_score": object{"filter": object{"bool": object{"filter": names}}, "boost": 1}}}
	} else {
		sort = sort[1:]
	}
	body, err := json.Marshal(object{
		"size": q.Limit + 1, "track_total_hits": false, "_source": false, "docvalue_fields": []string{"id"}, "track_scores": len(words) > 0, "sort": sort,
		"query": object{"bool": conditions},
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		TimedOut bool                 `json:"timed_out"`
		Shards   struct{ Failed int } `json:"_shards"`
		Hits     struct {
			Hits []struct {
				ID    uuid.UUID `json:"_id"`
				Score float64   `json:"_score"`
			}
		}
	}
	if err := s.do(ctx, http.MethodPost, "/"+index+"/_search", body, &answer); err != nil {
		return nil, err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return nil, fmt.Errorf("search server: only a part of the index answered")
	}
	matches := make([]search.Match, len(answer.Hits.Hits))
	for n, hit := range answer.Hits.Hits {
		matches[n] = search.Match{ID: hit.ID, Score: hit.Score}
		if len(words) == 0 {
			matches[n].Score = 1
		}
	}
	return matches, nil
}

// matching returns the ways in which a document has a word. Each counts by its weight, and all words together as the database ranks them.
func matching(w string, words float64, similar bool) (ways []object) {
	for _, part := range weights {
		condition := term(part.field, w)
		if search.Prefix(w) {
			condition = object{"prefix": object{part.field: w}}
		}
		ways = append(ways, object{"constant_score": object{"filter": condition, "boost": part.weight / words}})
	}
	if variants := search.Variants(w); similar && len(variants) > 0 {
		ways = append(ways, object{"constant_score": object{"filter": object{"terms": object{"similar": variants}}, "boost": 0.1 / words}})
	}
	return ways
}

func term(field, value string) object { return object{"term": object{field: value}} }

func anyOf(ways ...object) object {
	return object{"bool": object{"should": ways, "minimum_should_match": 1}}
}
