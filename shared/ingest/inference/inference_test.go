package inference_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/engine"
	"function/shared/ingest/inference"
	"function/shared/ingest/reading"
)

func typeOf(c *inference.Column, values ...string) string {
	for _, v := range values {
		c.Add([]byte(v))
	}
	return c.Type()
}

func TestField_Values_GiveTheNarrowestType(t *testing.T) {
	t.Parallel()
	forms := inference.NewForms(&reading.Options{}, nil, nil)
	for values, want := range map[string]string{
		"":                     "VARCHAR",
		"|":                    "VARCHAR",
		"0|-1|999999999999999": "BIGINT",
		"9223372036854775807|-9223372036854775808": "BIGINT",
		"9223372036854775808":                      "DECIMAL(38,0)",
		"-9223372036854775809|1":                   "DECIMAL(38,0)",
		strings.Repeat("9", 38):                    "DECIMAL(38,0)",
		strings.Repeat("9", 39):                    "VARCHAR",
		"-0|1":                                     "DOUBLE",
		"0.10|5":                                   "DOUBLE",
		"1234567890123.456":                        "DECIMAL(18,3)",
		"1234567890123.456|1e5":                    "VARCHAR",
		"9007199254740993|0.5":                     "DECIMAL(18,1)",
		"1e5|2e6":                                  "VARCHAR",
		"1e5|0.5":                                  "DOUBLE",
		"1e-5|7":                                   "DOUBLE",
		"1E+21":                                    "DOUBLE",
		"1.5e100":                                  "VARCHAR",
		"1e":                                       "VARCHAR",
		"1.":                                       "VARCHAR",
		".5":                                       "VARCHAR",
		"-":                                        "VARCHAR",
		"+1":                                       "VARCHAR",
		"007":                                      "VARCHAR",
		"1 ":                                       "VARCHAR",
		"١":                                        "VARCHAR",
		"true|false|":                              "BOOLEAN",
		"true|1":                                   "VARCHAR",
		"2024-02-29|0001-01-01|9999-12-31":         "DATE",
		"2023-02-29":                               "VARCHAR",
		"1900-02-29":                               "VARCHAR",
		"0000-01-01":                               "VARCHAR",
		"2024-1-01":                                "VARCHAR",
		"2024-13-01":                               "VARCHAR",
		"2024-01-01|2024-01-01T00:00":              "VARCHAR",
		"2024-01-01T23:59|2024-01-01 00:00:00.5":   "TIMESTAMP",
		"2024-01-01T24:00":                         "VARCHAR",
		"2024-01-01T00:00:60":                      "VARCHAR",
		"2024-01-01T00:00:00.1234567":              "VARCHAR",
		"2024-01-01T00:00:00.":                     "VARCHAR",
		"2024-01-01T0:00:00":                       "VARCHAR",
		"2024-01-01T00:00:00Z|2024-01-01 00:00:00.1+0530|2024-01-01T00:00:00 UTC|2024-01-01T00:00:00-08": "TIMESTAMPTZ",
		"2024-01-01T00:00:00+24:00":                "VARCHAR",
		"2024-01-01T00:00:00+01:60":                "VARCHAR",
		"2024-01-01T00:00:00+1":                    "VARCHAR",
		"2024-01-01T00:00:00+01:":                  "VARCHAR",
		"2024-01-01T00:00:00|2024-01-01T00:00:00Z": "VARCHAR",
		"NA|1": "VARCHAR",
	} {
		if got := typeOf(forms.Field(), strings.Split(values, "|")...); got != want {
			t.Errorf("%q: %s, want %s", values, got, want)
		}
	}
}

func TestJSON_Values_GiveTypesOfTheirKind(t *testing.T) {
	t.Parallel()
	forms := inference.NewForms(&reading.Options{NullValues: []string{"NA"}}, nil, nil)
	for name, test := range map[string]struct {
		column *inference.Column
		values []string
		want   string
	}{
		"strings of digits":         {forms.String(), []string{"1"}, "VARCHAR"},
		"strings of truth":          {forms.String(), []string{"true"}, "VARCHAR"},
		"dates and a null":          {forms.String(), []string{"2024-01-01", "NA"}, "DATE"},
		"an empty string":           {forms.String(), []string{"2024-01-01", ""}, "VARCHAR"},
		"bare exponents":            {forms.Number(), []string{"1E5", "7"}, "DOUBLE"},
		"a null among the numbers":  {forms.Number(), []string{"NA", "7"}, "BIGINT"},
		"a number out of the range": {forms.Number(), []string{"1e400"}, "VARCHAR"},
	} {
		if got := typeOf(test.column, test.values...); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestWords_OfColumn_DependOnItsType(t *testing.T) {
	t.Parallel()
	c := inference.NewForms(&reading.Options{NullValues: []string{"none at all"}}, nil, nil).Field()
	typeOf(c, "x", "NULL", "NA", "NA", "none at all", "")
	if diff := cmp.Diff([]string{"NA", "NULL", "none at all"}, c.Words(true)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"none at all"}, c.Words(false)); diff != "" {
		t.Error(diff)
	}
}

// Whatever has a type can be cast to it, and numbers, dates and booleans come back as they were written.
func TestField_InferredType_KeepsTheValue(t *testing.T) {
	t.Parallel()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	forms := inference.NewForms(&reading.Options{}, nil, nil)
	pieces := []string{"0", "1", "9", "12", "2024", "-", "+", ".", "e", "E", ":", "T", " ", "Z", "UTC", "02", "29", "30", "59", "60", "24", "-01-31", "2023-02-2", "T10:", ":00", "true", "99999999999999999", "2024-02-29T10:59:30", "+05:30", ".123"}
	r := rand.New(rand.NewPCG(1, 2))
	typed := map[string]int{}
	for range 200_000 {
		var value string
		for range 1 + r.IntN(7) {
			value += pieces[r.IntN(len(pieces))]
		}
		sqlType := typeOf(forms.Field(), value)
		if sqlType == "VARCHAR" || typed[sqlType] > 200 {
			continue
		}
		typed[sqlType]++
		row, err := s.Row(t.Context(), fmt.Sprintf("SELECT TRY_CAST(%[1]s AS %[2]s) IS NOT NULL, CAST(TRY_CAST(%[1]s AS %[2]s) AS VARCHAR)", engine.Literal(value), sqlType))
		if err != nil {
			t.Fatal(err)
		}
		exact := sqlType == "BIGINT" || sqlType == "DATE" || sqlType == "BOOLEAN" || strings.HasPrefix(sqlType, "DECIMAL")
		if row[0] != true || exact && row[1] != value {
			t.Errorf("%q as %s: %v", value, sqlType, row[1])
		}
	}
	for _, sqlType := range []string{"BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "DECIMAL(38,0)", "BOOLEAN"} {
		if typed[sqlType] == 0 {
			t.Errorf("no value was a %s", sqlType)
		}
	}
}
