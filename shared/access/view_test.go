package access_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/engine"
	"function/shared/fault"
)

var key = []byte(strings.Repeat("k", access.MaskKeySize))

// seen returns the rows of a table as a reader sees them, in DuckDB's text form.
func seen(t *testing.T, sql string, r access.Reader, owner uuid.UUID, rules ...access.Rules) (rows []string, err error) {
	t.Helper()
	var policies []access.Policy
	for _, r := range rules {
		policies = append(policies, access.Policy{Rules: r})
	}
	dir := t.TempDir()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	src, dst := filepath.Join(dir, "src.parquet"), filepath.Join(dir, "dst.parquet")
	if err := s.Exec(t.Context(), "COPY ("+sql+") TO '"+src+"' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	if err := r.View(policies, owner, key).Write(t.Context(), []string{src}, dst, access.Options{Scratch: dir}); err != nil {
		return nil, err
	}
	err = s.Each(t.Context(), "SELECT CAST(t AS VARCHAR) FROM '"+dst+"' t", func(row []any) error {
		rows = append(rows, row[0].(string))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, nil
}

func TestView_Masks(t *testing.T) {
	t.Parallel()
	step := func(text string) *string { return &text }
	for _, test := range []struct {
		value string // in SQL
		mask  access.Mask
		want  string
	}{
		{"'secret'", access.Mask{With: access.Null}, "NULL"},
		{"NULL::VARCHAR", access.Mask{With: access.Hash}, "NULL"},
		{"NULL::VARCHAR", access.Mask{With: access.Partial, KeepLast: 2}, "NULL"},
		// printf 'ada@example.org' | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
		{"'ada@example.org'", access.Mask{With: access.Hash}, "ff3896f62eb9569de92168a2359d3285"},
		{"'4111111111111111'", access.Mask{With: access.Partial, KeepLast: 4}, "************1111"},
		{"'Zoë Müller'", access.Mask{With: access.Partial, KeepFirst: 1, KeepLast: 1}, "Z********r"},
		{"'ab'", access.Mask{With: access.Partial, KeepFirst: 1, KeepLast: 1}, "**"},
		{"'abc'", access.Mask{With: access.Partial}, "***"},
		{"''", access.Mask{With: access.Partial, KeepFirst: 1}, "''"},
		{"12345", access.Mask{With: access.Partial, KeepFirst: 2}, "12***"},
		{"'SW1A 1AA'", access.Mask{With: access.Generalize, KeepFirst: 3}, "SW1"},
		{"1999", access.Mask{With: access.Generalize, Step: step("1000")}, "1000"},
		{"-1", access.Mask{With: access.Generalize, Step: step("10")}, "-10"},
		{"9223372036854775807", access.Mask{With: access.Generalize, Step: step("10")}, "9223372036854775800"},
		{"12.99::DECIMAL(9,2)", access.Mask{With: access.Generalize, Step: step("5")}, "10.00"},
		{"-0.01::DECIMAL(9,2)", access.Mask{With: access.Generalize, Step: step("0.5")}, "-0.50"},
		{"99999999999999999999999999999999999.99::DECIMAL(38,2)", access.Mask{With: access.Generalize, Step: step("1000")}, "99999999999999999999999999999999000.00"},
		{"2.75::DOUBLE", access.Mask{With: access.Generalize, Step: step("0.5")}, "2.5"},
		{"DATE '1987-06-05'", access.Mask{With: access.Generalize, Period: "year"}, "1987-01-01"},
		{"TIMESTAMPTZ '2026-03-29 01:30:00+00'", access.Mask{With: access.Generalize, Period: "day"}, "2026-03-29 00:00:00+00"},
		{"TIMESTAMP_NS '2026-03-29 01:30:00.123456789'", access.Mask{With: access.Generalize, Period: "month"}, "2026-03-01 00:00:00"},
		{"[1, 2]", access.Mask{With: access.Null}, "NULL"},
	} {
		test.mask.Column = "V"
		rows, err := seen(t, "SELECT 1 AS id, "+test.value+" AS v", access.Everyone(uuid.New()), uuid.New(), access.Rules{Masks: []access.Mask{test.mask}})
		if want := []string{"{'id': 1, 'v': " + test.want + "}"}; err != nil || !cmp.Equal(rows, want) && !cmp.Equal(rows, []string{"{'id': 1, 'v': '" + test.want + "'}"}) {
			t.Errorf("%s %s: %s, %v, want %s", test.value, test.mask.With, rows, err, want)
		}
	}
}

func TestView_Filters_HideRows(t *testing.T) {
	t.Parallel()
	owner, team, user := uuid.New(), uuid.New(), uuid.New()
	const sales = "SELECT * FROM (VALUES (1, 'EU'), (2, 'US'), (3, NULL), (4, 'EU')) t(id, region)"
	eu := access.Rules{Filter: "region = 'EU'"}
	for _, test := range []struct {
		name     string
		policies []access.Rules
		want     string
	}{
		{"one", []access.Rules{eu}, "{'id': 1, 'region': EU} {'id': 4, 'region': EU}"},
		{"both apply", []access.Rules{eu, {Filter: "id > 1 -- comment"}}, "{'id': 4, 'region': EU}"},
		{"a filter cannot open another", []access.Rules{eu, {Filter: "false) OR (true"}}, "{'id': 1, 'region': EU} {'id': 4, 'region': EU}"},
		{"about the reader", []access.Rules{{Filter: "caller.user_id IS NULL AND len(caller.roles) = 0 AND caller.organization_id = '" + owner.String() + "' AND id = 2"}}, "{'id': 2, 'region': US}"},
		{"no row", []access.Rules{{Filter: "false"}}, ""},
		{"filters read what masks hide", []access.Rules{eu, {Masks: []access.Mask{{Column: "region", With: access.Null}}}}, "{'id': 1, 'region': NULL} {'id': 4, 'region': NULL}"},
		{"the stronger mask", []access.Rules{eu, {Masks: []access.Mask{{Column: "region", With: access.Null}}}, {Masks: []access.Mask{{Column: "REGION", With: access.Hash}}}}, "{'id': 1, 'region': NULL} {'id': 4, 'region': NULL}"},
		{"another is exempt", []access.Rules{{Filter: "id = 1", Exempt: access.Exemption{Roles: []string{"owner"}, Teams: []uuid.UUID{team}, Users: []uuid.UUID{user}}}}, "{'id': 1, 'region': EU}"},
	} {
		rows, err := seen(t, sales, access.Everyone(owner), owner, test.policies...)
		if got := strings.Join(rows, " "); err != nil || got != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got, err, test.want)
		}
	}
	for _, p := range []access.Rules{{Filter: "country = 'EU'"}, {Filter: "region::INT > 1"}, {Masks: []access.Mask{{Column: "region", With: access.Generalize}}}} {
		if _, err := seen(t, sales, access.Everyone(owner), owner, p); !isConflict(err) || strings.Contains(err.Error(), "EU") {
			t.Errorf("%v: %v", p, err)
		}
	}
	if _, err := seen(t, "SELECT 1 AS id, 'x' AS Caller", access.Everyone(owner), owner, access.Rules{Filter: "id = 1"}); !isConflict(err) {
		t.Errorf("a column named caller: %v", err)
	}
}

func isConflict(err error) bool {
	f, ok := fault.As(err)
	return ok && f.Kind == fault.Conflict
}
