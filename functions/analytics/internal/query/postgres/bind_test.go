package postgres

import (
	"encoding/json"
	"testing"

	"function/functions/analytics/internal/query"
)

func TestBind_Lists(t *testing.T) {
	t.Parallel()
	var parameters []query.Parameter
	if err := json.Unmarshal([]byte(`[[1, "a\"\\"]]`), &parameters); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		`x IN (?)`:                  `x IN ( $1 , $2 )`,
		`x NOT IN ( 3, ? /* , */ )`: `x NOT IN ( 3,  $1 , $2  /* , */ )`,
		`x IN (f(?))`:               `x IN (f( $1 ))`,
		`x IN (? + 1)`:              `x IN ( $1  + 1)`,
		`x = ANY(?)`:                `x = ANY( $1 )`,
		`"in" (?)`:                  `"in" ( $1 )`,
		`'in' (?)`:                  `'in' ( $1 )`,
	} {
		got, err := bind(sql, parameters)
		if err != nil || got.Text.SQL != want {
			t.Errorf("%s becomes %q (%v), want %q", sql, got.Text.SQL, err, want)
		}
		if array := `{"1","a\"\\"}`; len(got.Values) == 1 && got.Values[0] != array {
			t.Errorf("%s: array %s, want %s", sql, got.Values[0], array)
		}
	}
}
