package diff

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"function/shared/contentpolicy"
	"function/shared/keyed"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
)

var (
	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"grouped": grouped}).Parse(pageText))
	pagePolicy   = contentpolicy.Page(pageStyle, "")
)

// PageResponse is the page.
type PageResponse struct {
	ContentType    string `header:"Content-Type"`
	ContentPolicy  string `header:"Content-Security-Policy"`
	ReferrerPolicy string `header:"Referrer-Policy"`
	Body           []byte
}

// Page compares the versions on a page.
func (f *Function) Page(ctx context.Context, in *Request) (*PageResponse, error) {
	name, difference, err := f.difference(ctx, in)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, newPage(name, in.Key, difference)); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	return &PageResponse{ContentType: "text/html; charset=utf-8", ContentPolicy: pagePolicy, ReferrerPolicy: "no-referrer", Body: body.Bytes()}, nil
}

// page is the data of the page template.
type page struct {
	Style template.CSS
	Name  string
	Key   string
	*Difference
	Parts    []part // of all rows of both versions
	ByColumn []bar
	Lines    []line
	Differ   int64 // rows that were added, removed or changed
}

// barWidth is the width of the bars, in pixels.
const barWidth = 1000

// part is a part of the bar of all rows.
type part struct {
	Change   string
	Rows     int64
	At, Wide int
}

// bar is how many rows changed in a column.
type bar struct {
	Name string
	Rows int64
	Wide int
}

// line is a changed row.
type line struct {
	Change string
	Cells  []cell
}

// cell is a column's value before and after a change. Before is nil in an added row, After in a removed
// one. A column of the key has only After, and an unchanged column has neither.
type cell struct {
	Key           bool
	Before, After *value
}

type value struct {
	Text string
	Null bool
}

func newPage(name string, key []string, d *Difference) *page {
	p := &page{Style: template.CSS(pageStyle), Name: name, Key: strings.Join(key, ", "), Difference: d, Differ: d.Rows.Added + d.Rows.Removed + d.Rows.Changed}
	all, at := d.Rows.Unchanged+p.Differ, 0
	for _, part := range []part{{Change: "unchanged", Rows: d.Rows.Unchanged}, {Change: "changed", Rows: d.Rows.Changed}, {Change: "added", Rows: d.Rows.Added}, {Change: "removed", Rows: d.Rows.Removed}} {
		if all > 0 {
			part.Wide = int(part.Rows * barWidth / all)
			if part.Rows > 0 {
				part.Wide = max(part.Wide, 3) // that it can be seen
			}
		}
		part.At = at
		at += part.Wide
		p.Parts = append(p.Parts, part)
	}
	for _, column := range slices.SortedFunc(maps.Keys(d.Rows.ByColumn), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.Rows.ByColumn[b], d.Rows.ByColumn[a]), cmp.Compare(a, b))
	}) {
		rows := d.Rows.ByColumn[column]
		p.ByColumn = append(p.ByColumn, bar{column, rows, max(2, int(rows*barWidth/max(1, d.Rows.Changed)))})
	}
	for _, change := range d.Changes {
		p.Lines = append(p.Lines, newLine(change, d.Names))
	}
	return p
}

func newLine(change keyed.RowChange, columns []string) line {
	l := line{Change: change.Change}
	for _, name := range columns {
		if v, ok := get(change.Key, name); ok {
			l.Cells = append(l.Cells, cell{Key: true, After: v})
			continue
		}
		c := cell{}
		c.Before, _ = get(change.From, name)
		c.After, _ = get(change.To, name)
		l.Cells = append(l.Cells, c)
	}
	return l
}

// get finds a column by name without regard to case.
func get(values map[string]any, name string) (*value, bool) {
	for n, v := range values {
		if strings.EqualFold(n, name) {
			return show(v), true
		}
	}
	return nil, false
}

// maxShown is how many characters of a value the page shows.
const maxShown = 200

func show(v any) *value {
	if v == nil {
		return &value{Text: "null", Null: true}
	}
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			encoded = fmt.Append(nil, v)
		}
		text = string(encoded)
	}
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return &value{Text: text}
}

// grouped writes a number with groups of three digits.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
