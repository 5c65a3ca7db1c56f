package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"function/shared/fault"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonFlaw says what keeps a text from being I-JSON (RFC 7493), which all readers take for the same value; it is
// empty for a text that is. Numbers may have any number of digits, which are kept.
func jsonFlaw(text []byte) string {
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	err := decoder.SkipValue()
	if err == nil {
		if rest := bytes.TrimSpace(text[decoder.InputOffset():]); len(rest) == 0 {
			return ""
		}
		return "is not valid JSON"
	}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return fmt.Sprintf("contains the key %s twice", fault.Excerpt(syntactic.JSONPointer.LastToken()))
	case strings.Contains(err.Error(), "surrogate"):
		return `has a \u escape that is half of a character: a surrogate without the other`
	}
	return "is not valid JSON"
}

// documents checks the JSON columns whose text DuckDB has read, and which it does not look at as closely.
func (s *session) documents(ctx context.Context, t *table) error {
	for i, c := range t.columns {
		if c.kind == document || c.sqlType != "JSON" && (c.sqlType != "" || c.source != "JSON") {
			continue
		}
		number := 0
		err := s.each(ctx, fmt.Sprintf("SELECT CAST(%s AS VARCHAR) FROM %s", t.present(i), t.from), func(row []any) error {
			number++
			text, ok := row[0].(string)
			if flaw := jsonFlaw([]byte(text)); ok && flaw != "" {
				return &InvalidError{Detail: fmt.Sprintf("Row %d, column %s: the JSON %s.", number, fault.Excerpt(c.name), flaw)}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
