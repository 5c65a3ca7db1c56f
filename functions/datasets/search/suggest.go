package search

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/auth"
	"function/shared/search"
)

// suggested is how many data sets suggestions come from.
const suggested = 100

// SuggestRequest is the beginning of a search.
type SuggestRequest struct {
	Text string `query:"q" required:"true" minLength:"2" doc:"What has been typed" example:"sal"`
	Filters
}

// Suggestion is a completion.
type Suggestion struct {
	Text     string `json:"text"`
	In       string `json:"in" enum:"name,column,tag,term"`
	Datasets int    `json:"datasets" doc:"How many of the 100 best data sets have it"`
}

// SuggestResponse is the completions.
type SuggestResponse struct {
	Body struct {
		Items []Suggestion `json:"items" nullable:"false" doc:"At most 10, the most frequent first"`
	}
}

// Suggest completes the last word of a text.
func (f *Function) Suggest(ctx context.Context, in *SuggestRequest) (*SuggestResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader, out := access.Of(caller), &SuggestResponse{}
	out.Body.Items = []Suggestion{}
	found, err := f.find(ctx, reader, in.Text, in.filter(), suggested)
	if err != nil || len(found.Words) == 0 || found.Corrected {
		return out, err
	}
	rows, _ := f.db.Query(ctx, selectDocuments, arguments(reader, found, in.filter()))
	documents, err := pgx.CollectRows(rows, pgx.RowTo[search.Document])
	if err != nil {
		return nil, fmt.Errorf("read suggestions: %w", err)
	}
	last := found.Words[len(found.Words)-1:]
	counts := map[Suggestion]int{}
	for _, d := range documents {
		in := map[Suggestion]bool{}
		for where, texts := range map[string][]string{"name": {d.Name}, "column": d.Columns, "tag": d.Tags, "term": d.Terms} {
			for _, text := range texts {
				if _, hit := search.Mark(text, last); hit {
					in[Suggestion{Text: text, In: where}] = true
				}
			}
		}
		for s := range in {
			counts[s]++
		}
	}
	ordered := slices.SortedFunc(maps.Keys(counts), func(a, b Suggestion) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a.Text, b.Text), strings.Compare(a.In, b.In))
	})
	for _, s := range ordered[:min(len(ordered), 10)] {
		s.Datasets = counts[s]
		out.Body.Items = append(out.Body.Items, s)
	}
	return out, nil
}
