package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"function/shared/fault"
)

// JSONFlaw says why a text is not I-JSON (RFC 7493), the JSON that all readers understand alike. It is empty for
// I-JSON. Numbers may have any number of digits.
func JSONFlaw(text []byte) string {
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
