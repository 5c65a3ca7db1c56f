package search

import (
	"math"

	"github.com/google/uuid"

	"function/shared/search"
)

// maxHighlights bounds the highlights of a data set.
const maxHighlights = 10

func (r result) item(words []string) Item {
	d := r.Document
	item := Item{
		ID: d.ID, OrganizationID: r.OrganizationID, Kind: d.Kind, Name: d.Name, Description: d.Description, Domain: d.Domain,
		Tags: d.Tags, Terms: d.Terms, Personal: d.Personal, Columns: len(d.Columns), Popularity: math.Round(r.Popularity*100) / 100, UpdatedAt: r.UpdatedAt, Highlights: []Highlight{},
	}
	if d.Owner != nil {
		item.Owner = *d.Owner
	} else {
		item.Owner = uuid.Nil
	}
	if item.Personal == nil { // it was written before kinds were
		item.Personal = []string{}
	}
	mark := func(in, column string, texts ...string) {
		for _, text := range texts {
			if marked, hit := search.Mark(text, words); hit && len(item.Highlights) < maxHighlights {
				item.Highlights = append(item.Highlights, Highlight{In: in, Column: column, HTML: marked})
			}
		}
	}
	if len(words) == 0 {
		return item
	}
	mark("name", "", d.Name)
	mark("tag", "", d.Tags...)
	mark("term", "", d.Terms...)
	mark("synonym", "", d.Synonyms...)
	mark("domain", "", d.Domain)
	mark("column", "", d.Columns...)
	mark("description", "", d.Description)
	mark("column_description", "", d.ColumnDescriptions...)
	for _, v := range d.Values {
		mark("value", v.Column, v.Value)
	}
	return item
}
