package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// curl returns a curl command that calls an operation with sample values. URL, TOKEN and the path
// parameters are shell variables.
func (d *apiDocument) curl(e entry, parameters []parameter, body *schema) string {
	path := strings.NewReplacer("{", "$", "}", "").Replace(e.Path)
	query := url.Values{}
	for _, p := range parameters {
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "$"+p.Name, "$"+strings.ToUpper(p.Name))
		case p.In == "query" && p.Required:
			query.Set(p.Name, fmt.Sprint(d.sample(p.Schema, p.Name, 0)))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	lines := []string{`curl "$URL` + path + `"`}
	if e.Method == "HEAD" {
		lines[0] = `curl --head "$URL` + path + `"`
	} else if e.Method != "GET" && (e.Method != "POST" || e.BodyType == "") {
		lines[0] = `curl -X ` + e.Method + ` "$URL` + path + `"`
	}
	if e.Bearer {
		lines = append(lines, `-H "Authorization: Bearer $TOKEN"`)
	}
	switch jsonType := jsonAmong(e.BodyType); {
	case e.BodyType == "":
	case jsonType != "":
		sample, _ := json.MarshalIndent(d.sample(body, "", 0), "  ", "  ") // plain values always encode
		lines = append(lines, `-H "Content-Type: `+jsonType+`"`, `-d '`+strings.ReplaceAll(string(sample), `'`, `'\''`)+`'`)
	case e.BodyType == "multipart/form-data":
		for _, name := range d.resolve(body).Required {
			lines = append(lines, `-F `+name+`=@`+name+`.csv`)
		}
	default:
		lines = append(lines, `--data-binary @file`)
	}
	return strings.Join(lines, " \\\n  ")
}

// jsonAmong returns the JSON media type in a list, preferring application/json. It returns an empty
// string if the list has no JSON type.
func jsonAmong(mediaTypes string) (found string) {
	for mediaType := range strings.SplitSeq(mediaTypes, ", ") {
		if mediaType == "application/json" {
			return mediaType
		}
		if found == "" && strings.HasSuffix(mediaType, "+json") {
			found = mediaType
		}
	}
	return found
}

// sample returns a value that fits a schema: its example if it has one, or else a plausible value
// for its format and name.
func (d *apiDocument) sample(s *schema, name string, depth int) any {
	s = d.resolve(s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	case len(s.Type) == 0 || depth > maxDepth:
		return nil
	}
	switch s.Type[0] {
	case "object":
		return d.sampleObject(s, depth)
	case "array":
		return []any{d.sample(s.Items, name, depth+1)}
	case "string":
		return sampleText(s.Format, name)
	case "boolean":
		return true
	}
	if s.Minimum != nil {
		return s.Minimum
	}
	return 1
}

// sampleObject returns an object with the required properties and those that have an example. An
// object without such properties gets its first property: in a schema of alternatives, one is
// enough.
func (d *apiDocument) sampleObject(s *schema, depth int) any {
	var o orderedObject
	for _, name := range s.names() {
		if slices.Contains(s.Required, name) || len(d.resolve(s.Properties[name]).Examples) > 0 {
			o = append(o, member{name, d.sample(s.Properties[name], name, depth+1)})
		}
	}
	if names := s.names(); len(o) == 0 && len(names) > 0 {
		o = append(o, member{names[0], d.sample(s.Properties[names[0]], names[0], depth+1)})
	}
	return o
}

func sampleText(format, name string) string {
	samples := map[string]string{
		"email": "ada@example.com", "uuid": "0198a7f0-0000-7000-8000-000000000000", "date-time": "2026-01-31T12:00:00Z",
		"password": "correct horse battery", "first_name": "Ada", "last_name": "Lovelace", "query": "SELECT 1",
	}
	if sample, ok := samples[format]; ok {
		return sample
	}
	if sample, ok := samples[name]; ok {
		return sample
	}
	return "…"
}

type member struct {
	name  string
	value any
}

// orderedObject is a JSON object that keeps the order of its members.
type orderedObject []member

func (o orderedObject) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
