package document

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
)

// maxTerms limits the terms of a document. A document with more is read by every find.
const maxTerms = 1000

// terms returns the keyed hashes of the scalar values of a document with their paths, by which the
// store narrows a search for equal values. It returns nil if there are too many.
func terms(key []byte, document map[string]any) []int64 {
	found := map[int64]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if len(found) > maxTerms {
			return
		}
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				walk(joined(path, name), member)
			}
		case []any:
			for _, element := range v {
				walk(path, element)
			}
		default:
			found[term(key, path, v)] = true
		}
	}
	walk("", document)
	if len(found) > maxTerms {
		return nil
	}
	all := make([]int64, 0, len(found))
	for t := range found {
		all = append(all, t)
	}
	slices.Sort(all)
	return all
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// term hashes a path with a scalar value. Equal values have equal terms; a collision finds a document
// that the filter then drops.
func term(key []byte, path string, value any) int64 {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("document term\x00" + path + "\x00"))
	switch v := value.(type) {
	case nil:
		mac.Write([]byte("null"))
	case bool:
		if v {
			mac.Write([]byte("true"))
		} else {
			mac.Write([]byte("false"))
		}
	case json.Number:
		n, _ := parseNumber(v) // every number was checked when it arrived
		mac.Write([]byte("#" + n.key()))
	case string:
		mac.Write([]byte("$" + v))
	}
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)))
}

// required returns terms that every document which matches has. Paths with numbers are left out:
// they may lead to an element.
func (f Filter) required(key []byte) []int64 {
	all := []int64{}
	for _, e := range f.equal {
		switch e.value.(type) {
		case map[string]any, []any:
			continue
		}
		if slices.ContainsFunc(parsePath(e.path), func(step string) bool { return strings.Trim(step, "0123456789") == "" }) {
			continue
		}
		all = append(all, term(key, e.path, e.value))
	}
	return all
}
