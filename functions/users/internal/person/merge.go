package person

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"function/shared/fault"
)

// Limits of the free part of a profile and of a change to it.
const (
	MaxChange       = 64 << 10 // bytes
	maxDepth        = 10       // of objects and arrays within each other
	maxDocumentKeys = 1000     // of all objects together
	maxKeyBytes     = 128
)

// Changeable is the part of a profile that its person may change.
type Changeable struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Extras
}

// Change applies a JSON Merge Patch (RFC 7396) and returns the names of the fields that
// changed. It validates the result; a fault says what is wrong.
func (c Changeable) Change(patch []byte) (changed Changeable, fields []string, err error) {
	if err := checkBounds(patch); err != nil {
		return c, nil, err
	}
	change, ok := decodeExact(patch).(map[string]any)
	if !ok {
		return c, nil, fault.At("body", "the change must be a JSON object (RFC 7396)")
	}
	for name := range change {
		if !slices.Contains(changeable, name) { // by its exact name, which decoding does not insist on
			return c, nil, errFields
		}
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		return c, nil, fmt.Errorf("encode profile: %w", err)
	}
	before := decodeExact(encoded).(map[string]any)
	after := merge(before, change).(map[string]any)
	if encoded, err = json.Marshal(after); err != nil {
		return c, nil, fmt.Errorf("encode profile: %w", err)
	}
	if err := checkBounds(encoded); err != nil {
		return c, nil, err
	}
	if changed, err = decodeChangeable(encoded); err == nil {
		err = changed.check()
	}
	return changed, changedFields(before, after), err
}

// merge implements MergePatch of RFC 7396 §2 without modifying its target.
func merge(target, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if object, ok := target.(map[string]any); ok {
		maps.Copy(merged, object)
	}
	for name, value := range change {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = merge(merged[name], value)
		}
	}
	return merged
}

// checkBounds refuses a document that is too large, nested too deeply or not valid JSON.
func checkBounds(document []byte) error {
	if len(document) > MaxChange {
		return fault.New(fault.TooLarge, "A profile and a change to it can each have at most %d KiB", MaxChange>>10)
	}
	if !utf8.Valid(document) {
		return fault.New(fault.Malformed, "The request body is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	w := walker{decoder: decoder}
	if err := w.value(0); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fault.New(fault.Malformed, "The request body continues after the JSON object")
	}
	return nil
}

type walker struct {
	decoder *json.Decoder
	keys    int
}

func (w *walker) value(depth int) error {
	token, err := w.decoder.Token()
	if err != nil {
		return fault.New(fault.Malformed, "The request body is not valid JSON")
	}
	if number, ok := token.(json.Number); ok && !inRange(number) {
		return fault.At("body", "the number is outside the range that JSON readers support (RFC 8259 §6): send it as a string")
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fault.At("body", "nested more than %d levels deep", maxDepth)
	}
	for w.decoder.More() {
		if delim == '{' {
			if err := w.key(); err != nil {
				return err
			}
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	if _, err := w.decoder.Token(); err != nil {
		return fault.New(fault.Malformed, "The request body is not valid JSON")
	}
	return nil
}

// inRange reports whether a number is in the range of a float64, which JSON readers
// support.
func inRange(number json.Number) bool {
	value, err := number.Float64()
	mantissa, _, _ := strings.Cut(strings.ToLower(number.String()), "e")
	return err == nil && (value != 0 || strings.Trim(mantissa, "-0.") == "")
}

func (w *walker) key() error {
	token, err := w.decoder.Token()
	key, ok := token.(string)
	if err != nil || !ok {
		return fault.New(fault.Malformed, "The request body is not valid JSON")
	}
	if w.keys++; w.keys > maxDocumentKeys {
		return fault.At("body", "more than %d keys", maxDocumentKeys)
	}
	if key == "" || len(key) > maxKeyBytes || strings.ContainsFunc(key, unicode.IsControl) {
		return fault.At("body", "a key must have 1 to %d bytes and no control characters", maxKeyBytes)
	}
	return nil
}

var errFields = fault.At("body", "a profile only has first_name, last_name, display_name, locale, time_zone and picture_url, which are strings, and preferences and attributes, which are objects")

func decodeChangeable(document []byte) (c Changeable, err error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(&c); err != nil {
		return c, errFields
	}
	if c.Preferences == nil {
		c.Preferences = map[string]any{}
	}
	if c.Attributes == nil {
		c.Attributes = map[string]any{}
	}
	return c, nil
}

func (c Changeable) check() error {
	for _, text := range []struct {
		name, value string
		least, most int // characters
	}{{"first_name", c.FirstName, 1, 100}, {"last_name", c.LastName, 1, 100}, {"display_name", c.DisplayName, 0, 200}} {
		n := utf8.RuneCountInString(text.value)
		if _, shown := ParseDisplayName(text.value); n < text.least || n > text.most || n > 0 && !shown {
			return fault.At("body."+text.name, "expected %d to %d visible characters, without control characters or text direction marks", text.least, text.most)
		}
	}
	if c.Locale != "" {
		if _, err := language.Parse(c.Locale); err != nil || len(c.Locale) > 35 { // RFC 5646 §4.4.1
			return fault.At("body.locale", "not a language tag (BCP 47) such as de-CH")
		}
	}
	if c.TimeZone != "" {
		if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == time.Local.String() {
			return fault.At("body.time_zone", "not a name in the IANA time zone database, such as Europe/Zurich")
		}
	}
	if c.PictureURL != "" {
		u, err := url.Parse(c.PictureURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(c.PictureURL) > 2048 {
			return fault.At("body.picture_url", "not an https URL of at most 2,048 characters, without a user and password")
		}
	}
	return nil
}

// changedFields returns the names of the top-level fields in which two objects differ.
func changedFields(before, after map[string]any) []string {
	fields := []string{}
	for _, field := range changeable {
		if !reflect.DeepEqual(before[field], after[field]) {
			fields = append(fields, field)
		}
	}
	return fields
}

// decodeExact decodes a document known to be valid JSON and keeps its numbers as written.
func decodeExact(document []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	_ = decoder.Decode(&value)
	return value
}

var changeable = []string{"first_name", "last_name", "display_name", "locale", "time_zone", "picture_url", "preferences", "attributes"}
