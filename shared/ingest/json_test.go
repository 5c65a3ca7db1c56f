package ingest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
)

func TestJSON_AmbiguousText_IsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content, want string
		line          int64
	}{
		"nested key twice":        {`[{"o":{"a":1,"a":2}}]`, `The object on line 1 contains the key "a" twice.`, 1},
		"key in a list twice":     {"{\"a\":1}\n{\"o\":[{\"x\":{\"b\":1,\"\\u0062\":2}}]}", `The object on line 2 contains the key "b" twice.`, 2},
		"lone high surrogate":     {`[{"a":"x\ud83dy"}]`, `The object on line 1 has a \u escape that is half of a character: a surrogate without the other.`, 1},
		"lone low surrogate":      {`[{"a":"\ude00"}]`, `The object on line 1 has a \u escape that is half of a character: a surrogate without the other.`, 1},
		"two high surrogates":     {`[{"a":"\ud83d\ud83d"}]`, `The object on line 1 has a \u escape that is half of a character: a surrogate without the other.`, 1},
		"lone surrogate in a key": {`[{"\ud83d":1}]`, `The object on line 1 has a \u escape that is half of a character: a surrogate without the other.`, 1},
		"nested lone surrogate":   {"[\n{\"o\":[\"\\ud83d\"]}]", `The object on line 2 has a \u escape that is half of a character: a surrogate without the other.`, 2},
		"key with U+0000":         {`[{"x\u0000y":1}]`, "The object on line 1 has a key with the character U+0000, which column names cannot contain.", 1},
		"value with U+0000":       {"{\"a\":1}\n{\"b\":\"x\\u0000y\"}", "The object on line 2 contains the character U+0000, which cannot be stored.", 2},
		"HTML":                    {"<html></html>", "Line 1 has '<' where an object is expected.", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := ingest.Source{Path: file(t, test.content), Format: ingest.JSON}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()})
			var refused *invalid.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(invalid.Error{Detail: test.want, Line: test.line}, *refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSON_OneLine_KeepsItsRows(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		`[{"item":"5\" pipe","n":1},{"item":"elbow","n":2}]`:           `[["5\" pipe",1],["elbow",2]]`,
		`[{"a":"x\ry","b":1},{"a":"x\r\ny","b":2},{"a":"x\ny","b":3}]`: `[["x\ry",1],["x\r\ny",2],["x\ny",3]]`,
		`[{"n":1E5},{"n":2E3}]`:                                        `[[100000],[2000]]`,
		`{"item":"\""}`:                                                `[["\""]]`,
		`[{"a":1},{"a":null},{"a":2},{}]`:                              `[[1],[null],[2],[null]]`,
		`[{"a":null},{"a":""}]`:                                        `[[null],[""]]`,
		`{"😀":"\ud83d\ude00"}`:                                         `[["😀"]]`,
		"{\"a\":1}\r\r{\"a\":2}":                                       `[[1],[2]]`,
	} {
		t.Run(content, func(t *testing.T) {
			t.Parallel()
			table, _ := prepare(t, ingest.Source{Path: file(t, content), Format: ingest.JSON})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}
