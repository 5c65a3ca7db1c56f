package documents_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/internal/document"
	"function/shared/platformtest"
)

func find(t *testing.T, p *platformtest.Platform, token, path, query string) document.Found {
	t.Helper()
	return platformtest.Decode[document.Found](t, p.Do(token, http.MethodPost, path+"/find", query).Want(t, http.StatusOK))
}

func ids(found document.Found) string {
	var all []string
	for _, d := range found.Items {
		all = append(all, d.ID)
	}
	return strings.Join(all, " ")
}

func TestFind_Filters_MeanTheSameInEachStore(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		if got := find(t, p, token, path, `{}`); len(got.Items) != 0 || got.NextCursor != "" {
			t.Errorf("an empty data set has %+v", got)
		}
		for _, d := range [][2]string{
			{"a", `{"n": 1, "s": "x", "nested": {"list": [{"v": 1}, {"v": 2}]}, "b": true}`},
			{"b", `{"n": 1.0, "s": "é", "nested": {"list": [{"v": 3}]}, "b": false}`},
			{"c", `{"n": 9007199254740993, "s": null, "tags": ["red", "blue"]}`},
			{"d", `{"n": 9007199254740992, "tags": []}`},
			{"e", `{"n": "1", "tags": "red", "o": {"y": 1, "x": 2}}`},
			{"f", `{"n": [1, 5], "o": {"x": 2}, "a.b": 7}`},
			{"g", `{"n": 0.1000000000000000000000000000000001}`},
		} {
			insert(t, p, token, path, d[0], d[1])
		}
		for filter, want := range map[string]string{
			`{}`:                                "g f e d c b a",
			`{"n": 1}`:                          "f b a",
			`{"n": 100e-2}`:                     "f b a",
			`{"n": "1"}`:                        "e",
			`{"n": 9007199254740993}`:           "c",
			`{"n": {"$gt": 9007199254740992}}`:  "c",
			`{"n": {"$gte": 9007199254740992}}`: "d c",
			`{"n": {"$gt": 0.1, "$lt": 1}}`:     "g",
			`{"n": {"$lte": 0.1}}`:              "",
			`{"n": {"$gt": "0"}}`:               "e",
			`{"n": [1, 5]}`:                     "f",
			`{"n": {"$ne": 1}}`:                 "g e d c",
			`{"n": {"$in": [5, "1"]}}`:          "f e",
			`{"n": {"$nin": [1, "1"]}}`:         "g d c",
			`{"s": null}`:                       "c",
			`{"s": {"$exists": false}}`:         "g f e d",
			`{"s": {"$exists": true}}`:          "c b a",
			`{"s": {"$gt": "x"}}`:               "b",
			`{"tags": "red"}`:                   "e c",
			`{"tags": []}`:                      "d",
			`{"nested.list.v": 2}`:              "a",
			`{"nested.list.0.v": {"$gte": 1}}`:  "b a",
			`{"nested.list.1.v": 2}`:            "a",
			`{"o": {"x": 2, "y": 1}}`:           "e",
			`{"o.x": 2}`:                        "f e",
			`{"a.b": 7}`:                        "",
			`{"b": true}`:                       "a",
			`{"b": {"$not": {"$eq": true}}}`:    "g f e d c b",
			`{"$or": [{"b": true}, {"n": {"$exists": true}, "o": {"$exists": true}}]}`: "f e a",
			`{"$and": [{"n": 1}, {"s": "x"}]}`:                                         "a",
			`{"$not": {"n": 1}}`:                                                       "g e d c",
			`{"$not": {"$or": [{"n": 1}, {"tags": {"$exists": true}}]}}`:               "g",
		} {
			if got := ids(find(t, p, token, path, `{"filter": `+filter+`}`)); got != want {
				t.Errorf("%s finds %q, want %q", filter, got, want)
			}
		}
		for sort, want := range map[string]string{
			`["n"]`:         "g b a d c e f", // an array comes after strings
			`["-n"]`:        "f e c d b a g", // equal ones stay newest first
			`["s", "-n"]`:   "f e d g c a b",
			`["missing.m"]`: "g f e d c b a",
		} {
			if got := ids(find(t, p, token, path, `{"sort": `+sort+`}`)); got != want {
				t.Errorf("sorted by %s: %q, want %q", sort, got, want)
			}
		}
		shown := find(t, p, token, path, `{"filter": {"b": true}, "fields": ["nested.list.v", "s", "none"]}`)
		if diff := cmp.Diff(`{"nested":{"list":[{"v":1},{"v":2}]},"s":"x"}`, string(shown.Items[0].Document.RawMessage)); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
	})
}

func TestFind_Pages_HaveEveryDocumentOnce(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		for i := range 13 {
			body := fmt.Sprintf(`{"even": %t, "third": %d, "n": %d}`, i%2 == 0, i%3, i)
			if i == 5 {
				body = `{"even": false, "n": 5}`
			}
			insert(t, p, token, path, fmt.Sprintf("d%02d", i), body)
		}
		for query, want := range map[string]string{
			``:                                "d12 d11 d10 d09 d08 d07 d06 d05 d04 d03 d02 d01 d00",
			`"filter": {"even": true}`:        "d12 d10 d08 d06 d04 d02 d00",
			`"sort": ["-third", "n"]`:         "d02 d08 d11 d01 d04 d07 d10 d00 d03 d06 d09 d12 d05",
			`"sort": ["third"]`:               "d05 d12 d09 d06 d03 d00 d10 d07 d04 d01 d11 d08 d02",
			`"filter": {"n": {"$lt": "zzz"}}`: "",
		} {
			for _, limit := range []int{1, 4, 13, 200} {
				var all []string
				for cursor := ""; ; {
					body := fmt.Sprintf(`{"limit": %d`, limit)
					if cursor != "" {
						body += `, "cursor": "` + cursor + `"`
					}
					if query != "" {
						body += `, ` + query
					}
					found := find(t, p, token, path, body+`}`)
					if len(found.Items) > 0 {
						all = append(all, ids(found))
					}
					if cursor = found.NextCursor; cursor == "" {
						break
					}
				}
				if got := strings.Join(all, " "); got != want {
					t.Errorf("%s in pages of %d: %s, want %s", query, limit, got, want)
				}
			}
		}
	})
}

func TestFind_BadQuery_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	insert(t, p, token, path, "a", `{"long": "`+strings.Repeat("x", 2000)+`"}`)
	for _, query := range []string{
		`{"filter": []}`, `{"filter": null}`, `{"filter": {"$where": "1"}}`, `{"filter": {"a": {"$regex": "x"}}}`, `{"filter": {"a": {"$gt": null}}}`,
		`{"filter": {"a": {"$gt": {"b": 1}}}}`, `{"filter": {"a": {"$in": 1}}}`, `{"filter": {"a": {"$exists": 1}}}`, `{"filter": {"a": {"$gt": 1, "b": 1}}}`,
		`{"filter": {"a..b": 1}}`, `{"filter": {"": 1}}`, `{"filter": {"$or": []}}`, `{"filter": {"$and": {}}}`, `{"filter": {"$not": 1}}`, `{"filter": {"a": {"$not": 1}}}`,
		`{"filter": {"a": "\u0000"}}`,
		`{"filter": ` + strings.Repeat(`{"$not":`, 20) + `{}` + strings.Repeat(`}`, 20) + `}`,
		`{"filter": {"a": {"$in": [` + strings.Repeat("1,", 200) + `1]}}}`,
		`{"sort": ["a..b"]}`, `{"sort": [""]}`, `{"sort": ["-"]}`, `{"sort": ["long"]}`, `{"fields": ["."]}`, `{"limit": 0}`, `{"limit": 201}`, `{"cursor": "x"}`, `{"cursor": "e30"}`, `{"skip": 1}`,
	} {
		if a := p.Do(token, http.MethodPost, path+"/find", query); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers %d, want 422: %s", query, a.Status, a.Body)
		}
	}
	insert(t, p, token, path, "b", `{"n": 1}`)
	insert(t, p, token, path, "c", `{"n": 1}`)
	sorted := find(t, p, token, path, `{"sort": ["n"], "limit": 1}`).NextCursor
	p.Do(token, http.MethodPost, path+"/find", `{"cursor": "`+sorted+`"}`).Want(t, http.StatusUnprocessableEntity)
}

// Numbers that no double can hold are compared exactly, or refused.
func TestFind_NumbersBeyondDoubles_AreExact(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("member").Token
		path := create(t, p, token, "d")
		for id, n := range map[string]string{"a": "1e308", "b": "1e400", "c": "1.0000000000000000000001e400", "d": "-1e400", "e": "1e-400"} {
			insert(t, p, token, path, id, `{"n": `+n+`}`)
		}
		for filter, want := range map[string]string{
			`{"n": 1e400}`:                        "b",
			`{"n": 10e399}`:                       "b",
			`{"n": {"$in": [-1e400, 1e-400]}}`:    "d e",
			`{"n": {"$gt": 1e400}}`:               "c",
			`{"n": {"$gte": 1e309}}`:              "b c",
			`{"n": {"$lt": 1e-400}}`:              "d",
			`{"n": {"$lte": 1e-400, "$gt": 0}}`:   "e",
			`{"$not": {"n": {"$lt": 1e308}}}`:     "a b c",
			`{"n": {"$gt": 1e400, "$lt": 2e400}}`: "c",
		} {
			found := find(t, p, token, path, `{"filter": `+filter+`}`)
			var got []string
			for _, item := range found.Items {
				got = append(got, item.ID)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s finds %v, want %s", filter, got, want)
			}
		}
		for _, filter := range []string{`{"n": 1e7000}`, `{"n": {"$lt": 1e-99999999999999999999}}`} {
			answer := p.Do(token, http.MethodPost, path+"/find", `{"filter": `+filter+`}`).Want(t, http.StatusUnprocessableEntity)
			if !strings.Contains(string(answer.Body), "exponent of the number is outside") {
				t.Errorf("%s: %s", filter, answer.Body)
			}
		}
	})
}
