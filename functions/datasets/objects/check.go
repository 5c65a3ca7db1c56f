package objects

import (
	"fmt"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"function/shared/fault"
)

const (
	maxName     = 512  // bytes
	maxMetadata = 8192 // bytes of all names and values
	maxEntries  = 64
	maxType     = 255 // bytes
)

// checkName refuses names that a file system, a page or a log could take for something else.
func checkName(name string) error {
	at := func(message string) error { return fault.At("path.name", "%s", message) }
	if name == "" || len(name) > maxName {
		return at(fmt.Sprintf("a name has 1 to %d bytes", maxName))
	}
	if !printable(name) || strings.Contains(name, `\`) {
		return at("a name is UTF-8 without control characters, line separators, characters that change the direction of text, and backslashes")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return at("a name has no empty part, . or .. between its slashes")
		}
	}
	return nil
}

// printable reports whether a text is UTF-8 that shows all of its characters in their order.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	})
}

// parseMetadata reads the metadata in a query parameter.
func parseMetadata(text string) (map[string]string, error) {
	const at = "query.metadata"
	if text == "" {
		return map[string]string{}, nil
	}
	refused := fault.At(at, `send a JSON object of strings, such as {"author": "Ada"}, percent-encoded and with each name once`)
	var read map[string]*string // a null is no text
	if err := json.Unmarshal([]byte(text), &read); err != nil || read == nil {
		return nil, refused
	}
	found := make(map[string]string, len(read))
	for name, value := range read {
		if value == nil {
			return nil, refused
		}
		found[name] = *value
	}
	return found, checkMetadata(at, found)
}

// checkMetadata bounds metadata.
func checkMetadata(at string, metadata map[string]string) error {
	if len(metadata) > maxEntries {
		return fault.At(at, "an object has at most %d entries of metadata", maxEntries)
	}
	size := 0
	for name, value := range metadata {
		size += len(name) + len(value)
		if name == "" || !printable(name) || strings.ContainsRune(value, 0) {
			return fault.At(at, "names are not empty and have no control characters, and values have no NUL character")
		}
	}
	if size > maxMetadata {
		return fault.At(at, "the names and values have more than %d bytes", maxMetadata)
	}
	return nil
}

// parseType reads the declared Content-Type.
func parseType(declared string) (string, error) {
	if declared == "" {
		return "", nil
	}
	refused := fault.At("header.Content-Type", "this is not a media type such as image/png: correct it, or leave it out")
	mediaType, parameters, err := mime.ParseMediaType(declared)
	if err != nil || len(declared) > maxType || !strings.Contains(mediaType, "/") || strings.Contains(mediaType, "*") {
		return "", refused
	}
	text := mime.FormatMediaType(mediaType, parameters)
	if text == "" || len(text) > maxType {
		return "", refused
	}
	return text, nil
}
