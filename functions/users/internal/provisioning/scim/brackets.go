package scim

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"

	parser "github.com/scim2/filter-parser/v2"
)

// parse parses a filter. The parser's grammar allows at most two comparisons in brackets and
// nothing after them, but Microsoft Entra ID looks people up by emails[type eq "work"].value eq
// "…". So the content of brackets is parsed as a filter of its own, and a placeholder attribute
// replaces it in the outer filter. attr[condition].sub op value becomes attr[condition and sub
// op value].
func parse(filter string) (parser.Expression, error) {
	var out []byte
	var stood []*parser.ValuePath
	for i := 0; i < len(filter); {
		end := token(filter, i)
		if filter[i] != '[' {
			out = append(out, filter[i:end]...)
			i = end
			continue
		}
		before := bytes.TrimRight(out, attributeCharacters)
		path, after, err := valuePath(out[len(before):], filter[i:])
		if err != nil {
			return nil, err
		}
		out = append(before, placeholder+strconv.Itoa(len(stood))+" pr"...)
		stood = append(stood, path)
		i += after
	}
	expression, err := parser.ParseFilter(out)
	if err != nil {
		return nil, err
	}
	return restore(expression, stood), nil
}

// placeholder is the prefix of placeholder attributes.
const placeholder = "bracket"

// attributeCharacters are the characters of attribute names and of the schema identifiers before
// them.
const attributeCharacters = "$-.:_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var comparisonAfter = regexp.MustCompile(`^\.([A-Za-z$][\w$-]*\s+(?i:pr\b|(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+(?:"(?:[^"\\]|\\.)*"|[^\s()\[\]"]+)))`)

// token returns the end of the token that begins at i: a quoted string or a single character.
func token(s string, i int) int {
	if s[i] != '"' {
		return i + 1
	}
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(s))
}

var errBrackets = errors.New("unclosed or nested brackets")

// valuePath parses the brackets after an attribute and returns their length.
func valuePath(attribute []byte, s string) (p *parser.ValuePath, length int, err error) {
	end := 1
	for end < len(s) && s[end] != ']' {
		if s[end] == '[' {
			return nil, 0, errBrackets
		}
		end = token(s, end)
	}
	if end >= len(s) {
		return nil, 0, errBrackets
	}
	path, err := parser.ParsePath(attribute)
	if err != nil {
		return nil, 0, err
	}
	p = &parser.ValuePath{AttributePath: path.AttributePath}
	if p.ValueFilter, err = parser.ParseFilter([]byte(s[1:end])); err != nil {
		return nil, 0, err
	}
	length = end + 1
	if m := comparisonAfter.FindStringSubmatch(s[length:]); m != nil {
		also, err := parser.ParseFilter([]byte(m[1]))
		if err != nil {
			return nil, 0, err
		}
		p.ValueFilter = &parser.LogicalExpression{Left: p.ValueFilter, Right: also, Operator: parser.AND}
		length += len(m[0])
	}
	return p, length, nil
}

// restore replaces the placeholder attributes by their value paths.
func restore(e parser.Expression, stood []*parser.ValuePath) parser.Expression {
	switch e := e.(type) {
	case *parser.LogicalExpression:
		e.Left, e.Right = restore(e.Left, stood), restore(e.Right, stood)
	case *parser.NotExpression:
		e.Expression = restore(e.Expression, stood)
	case *parser.AttributeExpression:
		for i, path := range stood {
			if e.AttributePath.AttributeName == placeholder+strconv.Itoa(i) {
				return path
			}
		}
	}
	return e
}
