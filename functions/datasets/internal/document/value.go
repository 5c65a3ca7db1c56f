// Package document reads, compares, searches, changes and stores the JSON documents of data sets.
package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"function/shared/fault"
)

// Limits of a document.
const (
	MaxSize  = 1 << 20 // bytes of JSON text, as sent and as stored
	maxDepth = 100
	maxScale = 6144 // of an exponent, as in IEEE 754 decimal128
)

// Parse decodes a document. Its numbers keep the digits that they were written with.
func Parse(text []byte) (map[string]any, error) {
	value, err := decode(text)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fault.At("body", "a document is a JSON object")
	}
	return object, Check(object)
}

// Check refuses a value that exceeds the limits of a document or cannot be stored exactly.
func Check(value any) error { return check(value, "body", 0) }

func check(value any, at string, depth int) error {
	if depth > maxDepth {
		return fault.At("body", "a document has at most %d levels of objects and arrays", maxDepth)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.ContainsRune(name, 0) {
				return fault.At(at, "a member's name contains the character NUL, which cannot be stored: remove it")
			}
			if err := check(member, at+"."+name, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			if err := check(element, at+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
				return err
			}
		}
	case string:
		if strings.ContainsRune(v, 0) {
			return fault.At(at, "the text contains the character NUL, which cannot be stored: remove it")
		}
	case json.Number:
		if _, err := parseNumber(v); err != nil {
			return fault.At(at, "%s", err)
		}
	}
	return nil
}

// Encode returns the stored form of a value: members in the order of their names, numbers as written.
func Encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	encoded := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if len(encoded) > MaxSize {
		return nil, fault.New(fault.TooLarge, "The document would have more than %d bytes: split it, or store it as an object", MaxSize)
	}
	return encoded, nil
}

// Same reports whether two documents are equal, down to how their numbers are written.
func Same(a, b map[string]any) bool {
	first, err := Encode(a)
	second, otherErr := Encode(b)
	return err == nil && otherErr == nil && bytes.Equal(first, second)
}

func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil && decoder.InputOffset() < int64(len(text)) && len(bytes.TrimSpace(text[decoder.InputOffset():])) > 0 {
		return nil, fault.New(fault.Malformed, "There is more text after the JSON value: send one value")
	}
	if err != nil {
		return nil, fault.New(fault.Malformed, "The body is not valid JSON (RFC 8259)").Because(err)
	}
	return value, nil
}
