package openapi

import (
	"bytes"
	"cmp"
	_ "embed"
	"html/template"
	"maps"
	"slices"
	"strings"

	"function/shared/contentpolicy"
)

var (
	//go:embed page.html
	pageTemplate string
	//go:embed page.css
	pageStyle string
)

var pagePolicy = contentpolicy.Page(pageStyle, "")

// page is the data of the page template.
type page struct {
	Title, Description string
	Style              template.CSS
	Groups             []group
	Problem            []field
}

type group struct {
	ID, Name   string
	Operations []entry
}

// entry is one operation on the page.
type entry struct {
	ID, Method, Path     string
	Summary, Description string
	Bearer               bool
	Parameters, Body     []field
	BodyType             string
	Answers              []result
	Errors               []result
	Example              string
}

// result is one response of an operation.
type result struct {
	Status, Text, MediaType string
	Fields                  []field
}

func render(description []byte) ([]byte, error) {
	d, err := parse(description)
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, page{
		Title: d.Info.Title, Description: d.Info.Description, Style: template.CSS(pageStyle),
		Groups: d.groups(), Problem: d.fields(d.Components.Schemas["Problem"]),
	})
	return out.Bytes(), err
}

// groups groups the operations by their first tag, in the order of the document's tags.
func (d *apiDocument) groups() []group {
	var groups []group
	for _, tag := range d.Tags {
		g := group{ID: strings.ToLower(strings.ReplaceAll(tag.Name, " ", "-")), Name: tag.Name}
		for path, operations := range d.Paths {
			for method, o := range operations {
				if len(o.Tags) > 0 && o.Tags[0] == tag.Name {
					g.Operations = append(g.Operations, d.entry(path, strings.ToUpper(method), o))
				}
			}
		}
		slices.SortFunc(g.Operations, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(slices.Index(methods, a.Method), slices.Index(methods, b.Method)))
		})
		groups = append(groups, g)
	}
	return groups
}

// methods is the order in which the operations of a path are listed.
var methods = []string{"POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (d *apiDocument) entry(path, method string, o operation) entry {
	e := entry{ID: o.OperationID, Method: method, Path: path, Summary: o.Summary, Description: o.Description, Bearer: len(o.Security) > 0}
	for _, p := range o.Parameters {
		f := d.field(p.Name, d.resolve(p.Schema), p.Required)
		f.In, f.Doc = p.In, p.Description
		e.Parameters = append(e.Parameters, f)
	}
	bodyType, body := contentOf(o.RequestBody.Content)
	e.BodyType, e.Body = bodyType, d.fields(body)
	for status, a := range o.Responses {
		r := result{Status: status, Text: a.Description}
		mediaTypes, content := contentOf(a.Content)
		r.MediaType, r.Fields = mediaTypes, d.fields(content)
		if status < "400" {
			e.Answers = append(e.Answers, r)
		} else {
			e.Errors = append(e.Errors, r)
		}
	}
	byStatus := func(a, b result) int { return cmp.Compare(a.Status, b.Status) }
	slices.SortFunc(e.Answers, byStatus)
	slices.SortFunc(e.Errors, byStatus)
	e.Example = d.curl(e, o.Parameters, body)
	return e
}

// contentOf returns the media types of a body and the schema of the first.
func contentOf(content map[string]mediaType) (string, *schema) {
	names := slices.Sorted(maps.Keys(content))
	if len(names) == 0 {
		return "", nil
	}
	return strings.Join(names, ", "), content[names[0]].Schema
}
