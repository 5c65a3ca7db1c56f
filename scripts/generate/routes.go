package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"function/shared/function"
)

// match is the condition of a Gateway API HTTPRoute for one operation.
type match struct {
	Type   string // Exact or RegularExpression
	Path   string
	Method string
}

var segment = regexp.MustCompile(`\\\{[^/]+\\\}`)

// matches returns the conditions for routes, exact paths first.
func matches(routes []function.Route) []match {
	var found []match
	for _, r := range routes {
		m := match{"Exact", r.Path, r.Method}
		if strings.Contains(r.Path, "{") {
			m.Type, m.Path = "RegularExpression", segment.ReplaceAllString(regexp.QuoteMeta(r.Path), "[^/]+")
		}
		found = append(found, m)
	}
	slices.SortStableFunc(found, func(a, b match) int { return strings.Compare(a.Type, b.Type) })
	return found
}

var table = template.Must(template.New("routes.go").Parse(`// Code generated from functions/catalog.go by make generate. DO NOT EDIT.

package gateway

import (
	"time"

	"function/shared/function"
)

// routes holds the route of every public operation in the catalog.
var routes = []function.Route{
{{- range .}}
	{Method: {{printf "%q" .Method}}, Path: {{printf "%q" .Path}}, Service: {{printf "%q" .Service}}, Timeout: {{printf "%.0f" .Timeout.Seconds}} * time.Second},
{{- end}}
}
`))

// writeTable writes the routes as Go code, which is linked into the gateway.
func writeTable(path string, routes []function.Route) error {
	var out bytes.Buffer
	if err := table.Execute(&out, routes); err != nil {
		return fmt.Errorf("render %s: %w", path, err)
	}
	source, err := format.Source(out.Bytes())
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	return os.WriteFile(path, source, 0o644)
}
