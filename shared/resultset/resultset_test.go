package resultset_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"function/shared/resultset"
)

func TestValue(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 2, 3, 4, 5, 120_000_000, time.FixedZone("", 2*60*60))
	wide, _ := new(big.Int).SetString("170141183460469231731687303715884105727", 10)
	tests := []struct {
		name    string
		value   any
		sqlType string
		want    string
	}{
		{"null", nil, "BIGINT", `null`},
		{"boolean", true, "BOOLEAN", `true`},
		{"text", "a\"b", "VARCHAR", `"a\"b"`},
		{"widest safe integer", int64(1<<53 - 1), "BIGINT", `9007199254740991`},
		{"wider integer", int64(1 << 53), "BIGINT", `"9007199254740992"`},
		{"narrowest integer", int64(math.MinInt64), "BIGINT", `"-9223372036854775808"`},
		{"unsigned", uint64(math.MaxUint64), "UBIGINT", `"18446744073709551615"`},
		{"small unsigned", uint64(7), "UBIGINT", `7`},
		{"small huge integer", big.NewInt(-7), "HUGEINT", `-7`},
		{"widest safe huge integer", big.NewInt(-(1<<53 - 1)), "HUGEINT", `-9007199254740991`},
		{"wider huge integer", big.NewInt(1 << 53), "HUGEINT", `"9007199254740992"`},
		{"huge integer", wide, "HUGEINT", `"170141183460469231731687303715884105727"`},
		{"double", 0.1, "DOUBLE", `0.1`},
		{"float", float32(0.1), "FLOAT", `0.1`},
		{"not a number", math.NaN(), "DOUBLE", `"NaN"`},
		{"infinity", math.Inf(-1), "DOUBLE", `"-Infinity"`},
		{"date", at, "date", `"2024-01-02"`},
		{"time", at, "TIME", `"03:04:05.12"`},
		{"time with zone", at, "timetz", `"03:04:05.12+02:00"`},
		{"timestamp", at, "timestamp", `"2024-01-02T03:04:05.12"`},
		{"timestamp with zone", at, "timestamptz", `"2024-01-02T01:04:05.12Z"`},
		{"blob", []byte{0xff, 0}, "BLOB", `"/wA="`},
		{"uuid", [16]byte{0: 1, 15: 0xab}, "uuid", `"01000000-0000-0000-0000-0000000000ab"`},
		{"JSON", json.RawMessage(`{"n":1.10}`), "JSON", `{"n":1.10}`},
		{"broken JSON", json.RawMessage(`{`), "JSON", `"{"`},
		{"list of dates", []any{at, nil}, "date[]", `["2024-01-02",null]`},
		{"array of integers", []int64{1, 1 << 60}, "bigint[]", `[1,"1152921504606846976"]`},
		{"map", map[string]any{"b": int64(1 << 60), "a": nil}, "", `{"a":null,"b":"1152921504606846976"}`},
		{"nil pointer", (*int64)(nil), "BIGINT", `null`},
		{"pgx numeric", pgtype.Numeric{Int: big.NewInt(12345), Exp: -2, Valid: true}, "numeric", `"123.45"`},
		{"pgx numeric NaN", pgtype.Numeric{NaN: true, Valid: true}, "numeric", `"NaN"`},
		{"pgx null", pgtype.Numeric{}, "numeric", `null`},
		{"pgx infinity", pgtype.Infinity, "date", `"infinity"`},
		{"pgx address", netip.MustParsePrefix("10.0.0.0/8"), "cidr", `"10.0.0.0/8"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(resultset.Value(test.value, test.sqlType))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuilder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		rows      int
		bytes     int64
		want      int
		truncated bool
	}{
		{"no limits", 0, 0, 3, false},
		{"exactly enough", 3, 3 * int64(len(`["xx",1],`)), 3, false},
		{"rows first", 2, 1 << 20, 2, true},
		{"bytes first", 3, 20, 2, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := resultset.NewBuilder(nil, test.rows, test.bytes)
			for range 3 {
				if fits, err := b.Add([]any{"xx", 1}); err != nil {
					t.Fatal(err)
				} else if !fits {
					break
				}
			}
			if got := b.Set(); len(got.Rows) != test.want || got.Truncated != test.truncated {
				t.Errorf("got %d rows, truncated %t", len(got.Rows), got.Truncated)
			}
		})
	}
}

func TestBuilder_RowLargerThanTheLimit(t *testing.T) {
	t.Parallel()
	b := resultset.NewBuilder(nil, 3, 20)
	for _, row := range [][]any{{strings.Repeat("x", 21)}, {strings.Repeat("x", 15), 1}} {
		if fits, err := b.Add(row); fits || !errors.Is(err, resultset.ErrRowTooLarge) {
			t.Errorf("%d bytes fit: %t, %v", len(fmt.Sprint(row)), fits, err)
		}
	}
}

func TestSet_Empty_HasArrays(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(resultset.NewBuilder(nil, 1, 1).Set())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "null") {
		t.Errorf("an empty set is %s", got)
	}
}
