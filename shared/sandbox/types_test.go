package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/sandbox"
)

// leaves are values of every DuckDB type that has no members, and their JSON.
var leaves = []struct{ sql, want string }{
	{"NULL", `null`},
	{"true", `true`},
	{"7::TINYINT", `7`}, {"7::SMALLINT", `7`}, {"7::INTEGER", `7`}, {"7::BIGINT", `7`}, {"7::HUGEINT", `7`},
	{"7::UTINYINT", `7`}, {"7::USMALLINT", `7`}, {"7::UINTEGER", `7`}, {"7::UBIGINT", `7`}, {"7::UHUGEINT", `7`}, {"7::BIGNUM", `7`},
	{"9007199254740991::HUGEINT", `9007199254740991`}, {"9007199254740992::HUGEINT", `"9007199254740992"`},
	{"-9007199254740991::DECIMAL(16,0)", `-9007199254740991`}, {"-9007199254740992::BIGINT", `"-9007199254740992"`},
	{"340282366920938463463374607431768211455::UHUGEINT", `"340282366920938463463374607431768211455"`},
	{"7::DECIMAL(4,0)", `7`}, {"7::DECIMAL(38,0)", `7`}, {"7::DECIMAL(4,2)", `"7.00"`}, {"-0.05::DECIMAL(38,10)", `"-0.0500000000"`},
	{"0.1::FLOAT", `0.1`}, {"0.1::DOUBLE", `0.1`}, {"'nan'::DOUBLE", `"NaN"`}, {"'-inf'::FLOAT", `"-Infinity"`},
	{"'a\"b'", `"a\"b"`}, {"'a)''b'::ENUM('a)''b', 'c')", `"a)'b"`}, {"'101'::BIT", `"101"`}, {"'\\xFF'::BLOB", `"/w=="`},
	{"'00112233-4455-6677-8899-aabbccddeeff'::UUID", `"00112233-4455-6677-8899-aabbccddeeff"`},
	{"DATE '2024-01-02'", `"2024-01-02"`}, {"DATE 'infinity'", `"infinity"`}, {"DATE '-infinity'", `"-infinity"`},
	{"TIME '10:00:00.12'", `"10:00:00.12"`}, {"TIME '24:00:00'", `"24:00:00"`}, {"TIME_NS '10:00:00.123456789'", `"10:00:00.123456789"`},
	{"TIMETZ '10:00:00+02'", `"10:00:00+02:00"`}, {"TIMETZ '10:00:00.5+00'", `"10:00:00.5Z"`}, {"TIMETZ '10:00:00-05:30'", `"10:00:00-05:30"`},
	{"TIMETZ '24:00:00+01:30:15'", `"24:00:00+01:30:15"`},
	{"TIMESTAMP '2024-01-02 03:04:05.123456'", `"2024-01-02T03:04:05.123456"`}, {"TIMESTAMP 'infinity'", `"infinity"`},
	{"TIMESTAMP_S '2024-01-02 03:04:05'", `"2024-01-02T03:04:05"`}, {"TIMESTAMP_S '-infinity'", `"-infinity"`},
	{"TIMESTAMP_MS '2024-01-02 03:04:05.123'", `"2024-01-02T03:04:05.123"`}, {"TIMESTAMP_MS 'infinity'", `"infinity"`},
	{"TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", `"2024-01-02T03:04:05.123456789"`}, {"TIMESTAMP_NS 'infinity'", `"infinity"`},
	{"TIMESTAMPTZ '2024-01-02 03:04:05+02'", `"2024-01-02T01:04:05Z"`}, {"TIMESTAMPTZ '-infinity'", `"-infinity"`},
	{"INTERVAL '1 month -2 days 3.5 seconds'", `"P1M-2DT3.5S"`},
	{`'{"n": 1.10}'::JSON`, `{"n":1.10}`}, {"1::VARIANT", `"1"`}, {"'POINT (1 2)'::GEOMETRY", `"POINT (1 2)"`},
}

// nestings put a value, x, into others.
var nestings = []struct{ name, sql, want string }{
	{"plain", "x", `x`},
	{"list", "[x, NULL]", `[x,null]`},
	{"list of lists", "[[x], [], NULL]", `[[x],[],null]`},
	{"array", "array_value(x, x)", `[x,x]`},
	{"struct", `{'a "b': x, 'time': 1}`, `{"a \"b":x,"time":1}`},
	{"map's value", "MAP {'k': x}", `{"k":x}`},
	{"union", "union_value(k := x)", `x`},
	{"all", "[{'m': MAP {DATE '2024-01-02': [x]}, 'u': union_value(k := {'a': {'b': x}})}]", `[{"m":{"2024-01-02":[x]},"u":{"a":{"b":x}}}]`},
}

func TestTypes_EveryNesting(t *testing.T) {
	t.Parallel()
	for _, nesting := range nestings {
		t.Run(nesting.name, func(t *testing.T) {
			t.Parallel()
			var columns, want []string
			for _, leaf := range leaves {
				columns = append(columns, strings.ReplaceAll(nesting.sql, "x", "("+leaf.sql+")"))
				want = append(want, strings.ReplaceAll(nesting.want, "x", leaf.want))
			}
			set, err := sandbox.Query(context.Background(), nil, "SELECT "+strings.Join(columns, ",\n"), nil, sandbox.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range set.Rows[0] {
				got, err := json.Marshal(v)
				if err != nil || string(got) != want[i] {
					t.Errorf("%s (%s) is %s (%v), want %s", columns[i], set.Columns[i].Type, got, err, want[i])
				}
			}
		})
	}
}

func TestTypes_NullOfEveryNesting(t *testing.T) {
	t.Parallel()
	set, err := sandbox.Query(context.Background(), nil, "SELECT v.* FROM (VALUES (1)) LEFT JOIN (SELECT false AS no, [TIME_NS '10:00:00'] AS a, "+
		"{'a': TIME '10:00:00'} AS b, MAP {1: 2} AS d, union_value(k := 1) AS e, array_value(TIME '10:00:00') AS f) v ON v.no", nil, sandbox.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{nil, nil, nil, nil, nil, nil}, set.Rows[0]); diff != "" {
		t.Error(diff)
	}
}

func TestTypes_NotCarried(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT make_type('INTEGER') AS t": "with a 'TYPE' column", "SELECT {'a': [get_type(1)]} AS t": "with a 'TYPE' column", "SELECT row(1) AS t": "from an unnamed struct",
	} {
		_, err := sandbox.Query(context.Background(), nil, sql, nil, sandbox.Limits{})
		var e *sandbox.Error
		if !errors.As(err, &e) || !strings.HasSuffix(e.Detail, want) {
			t.Errorf("%s: %v, want a sentence", sql, err)
		}
	}
}
