package quality_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"function/shared/engine"
	"function/shared/ingest"
	"function/shared/quality"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// parquet writes the rows of a SELECT to a file.
func parquet(t testing.TB, query string) string {
	t.Helper()
	s, err := engine.Open(context.Background(), "SET threads = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	if err := s.Exec(context.Background(), "COPY ("+query+") TO "+engine.Literal(path)+" (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	return path
}

func decode(t testing.TB, text string) *quality.Contract {
	t.Helper()
	c, err := quality.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// check evaluates rules on the rows of a SELECT, with and without the values that a profile keeps.
func check(t testing.TB, rules, rows string, in quality.Input) *quality.Report {
	t.Helper()
	in.Files, in.At, in.Version = []string{parquet(t, rows)}, now, 7
	contract := decode(t, `{"key":["id"],"rules":[`+rules+`]}`)
	report, err := quality.Check(context.Background(), contract, in, quality.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatalf("%s on %s: %v", rules, rows, err)
	}
	profile, err := ingest.Describe(context.Background(), in.Files, ingest.Options{Scratch: t.TempDir(), Values: contract.Columns()})
	if err != nil {
		t.Fatal(err)
	}
	in.Values = profile.Values
	byValues, err := quality.Check(context.Background(), contract, in, quality.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatalf("%s on the values of %s: %v", rules, rows, err)
	}
	if diff := cmp.Diff(report.Results, byValues.Results, cmpopts.IgnoreFields(quality.Result{}, "FirstKeys")); diff != "" || report.Rows != byValues.Rows {
		t.Errorf("%s on %s: by rows -, by values +, %d and %d rows\n%s", rules, rows, report.Rows, byValues.Rows, diff)
	}
	return report
}

func TestCheck_EachKindOnDifficultValues_CountsExactly(t *testing.T) {
	t.Parallel()
	values := func(sqlType string, list ...string) string {
		return "SELECT row_number() OVER () AS id, CAST(x AS " + sqlType + ") AS x FROM (SELECT unnest([" + strings.Join(list, ", ") + "]) AS x)"
	}
	text := values("VARCHAR", `'a'`, `''`, `NULL`, `'žluťoučký'`, `'👩‍👩‍👧'`, `'1.50'`, `'007'`)
	doubles := values("DOUBLE", "1.5", "NULL", "'NaN'::DOUBLE", "'Infinity'::DOUBLE", "-0.0", "0.0")
	decimals := values("DECIMAL(18,2)", "0.01", "0.00", "NULL", "12345678901234.56")
	zoned := values("TIMESTAMPTZ", "'2026-11-30 10:00:00+00'", "'2026-11-30 12:30:00+02'", "NULL")
	nothing := "SELECT 1 AS id, 'a' AS x LIMIT 0"
	nulls := values("VARCHAR", "NULL", "NULL")
	for _, c := range []struct {
		rule, rows string
		want       string // status, checked, failed
	}{
		{`{"kind":"not_null","column":"x"}`, text, "failed 7 1"},
		{`{"kind":"not_null","column":"X"}`, text, "failed 7 1"},
		{`{"kind":"not_null","columns":["id","x"]}`, text, "failed 7 1"},
		{`{"kind":"not_null","column":"x"}`, nothing, "error 0 0"},
		{`{"kind":"not_null","column":"x"}`, nulls, "failed 2 2"},
		{`{"kind":"not_null","column":"y"}`, text, "error 0 0"},
		{`{"kind":"completeness","column":"x","share":0.85}`, text, "passed 7 0"},
		{`{"kind":"completeness","column":"x","share":0.9}`, text, "failed 7 1"},
		{`{"kind":"unique","column":"x"}`, values("VARCHAR", "'a'", "'b'", "'a'", "NULL", "NULL", "''"), "failed 4 2"},
		{`{"kind":"unique","column":"x"}`, doubles, "failed 5 2"}, // -0.0 = 0.0
		{`{"kind":"unique","columns":["id","x"]}`, text, "passed 6 0"},
		{`{"kind":"unique","column":"x"}`, nulls, "error 0 0"},
		{`{"kind":"unique","column":"x"}`, values("BIGINT", "-2", "3", "NULL", "0"), "passed 3 0"},
		{`{"kind":"unique","column":"x"}`, values("BIGINT", "-2", "3", "-2", "NULL"), "failed 3 2"},
		{`{"kind":"unique","column":"x"}`, values("UTINYINT", "255", "0", "255"), "failed 3 2"},
		{`{"kind":"range","column":"x","min":-0.5}`, doubles, "failed 5 1"}, // NaN
		{`{"kind":"range","column":"x","max":1.5}`, doubles, "failed 5 2"},
		{`{"kind":"range","column":"x","min":0.005}`, decimals, "failed 3 1"},
		{`{"kind":"range","column":"x","max":12345678901234.555}`, decimals, "failed 3 1"},
		{`{"kind":"range","column":"x","min":"2026-11-30T10:15:00Z"}`, zoned, "failed 2 1"},
		{`{"kind":"range","column":"x","min":"2026-11-30"}`, values("DATE", "'2026-11-30'", "'2026-11-29'"), "failed 2 1"},
		{`{"kind":"range","column":"x","min":"2026-11-30 00:00:01"}`, values("DATE", "'2026-11-30'", "'2026-12-01'"), "failed 2 1"},
		{`{"kind":"range","column":"x","min":1}`, text, "error 0 0"},
		{`{"kind":"range","column":"x","min":"never"}`, zoned, "error 0 0"},
		{`{"kind":"range","column":"x","min":9007199254740993}`, values("BIGINT", "9007199254740992", "9007199254740993"), "failed 2 1"},
		{`{"kind":"length","column":"x","min":1}`, text, "failed 6 1"},
		{`{"kind":"length","column":"x","max":5}`, text, "failed 6 1"}, // the family has 5 characters, the word 9
		{`{"kind":"length","column":"x","max":5}`, doubles, "error 0 0"},
		{`{"kind":"pattern","column":"x","pattern":"^\\p{L}+$"}`, text, "failed 6 4"},
		{`{"kind":"pattern","column":"x","pattern":"."}`, nulls, "error 0 0"},
		{`{"kind":"set","column":"x","values":["a","","007","O'Brien"]}`, text, "failed 6 3"},
		{`{"kind":"set","column":"x","values":[7]}`, text, "error 0 0"},
		{`{"kind":"set","column":"x","values":[0.01,0.0]}`, decimals, "failed 3 1"},
		{`{"kind":"type","column":"x","type":"BIGINT"}`, text, "failed 6 5"},
		{`{"kind":"type","column":"x","type":"DECIMAL(4,1)"}`, text, "failed 6 4"},
		{`{"kind":"type","column":"x","type":"BIGINT"}`, doubles, "failed 5 3"},
		{`{"kind":"type","column":"x","type":"DATE"}`, values("VARCHAR", "'2026-11-30'", "'2026-11-30 10:00'", "'2026-02-30'"), "failed 3 2"},
		{`{"kind":"freshness","column":"x","within":"90m"}`, zoned, "passed 2 0"},
		{`{"kind":"freshness","column":"x","within":"10m"}`, zoned, "failed 2 0"},
		{`{"kind":"freshness","column":"x","within":"1d"}`, text, "error 0 0"},
		{`{"kind":"freshness","column":"x","within":"1d"}`, values("DATE", "'infinity'", "NULL"), "error 0 0"},
		{`{"kind":"row_count_drift","change":0.5}`, text, "skipped 0 0"},
		{`{"kind":"distribution_drift","column":"x"}`, text, "skipped 0 0"},
		{`{"kind":"sql","expression":"length(x) > 0"}`, text, "failed 6 1"},
		{`{"kind":"sql","expression":"length(x) > 0 -- comment"}`, text, "failed 6 1"},
		{`{"kind":"sql","expression":"x > 'a'"}`, nulls, "error 0 0"},
		{`{"kind":"sql","expression":"x::BIGINT > 0"}`, text, "error 0 0"},
		{`{"kind":"sql","query":"SELECT * FROM this WHERE x IS NULL"}`, text, "failed 7 1"},
		{`{"kind":"sql","query":"SELECT this.*, 1 AS extra FROM this WHERE false;"}`, text, "passed 7 0"},
		{`{"kind":"sql","query":"SELECT x FROM this"}`, text, "error 0 0"},
		{`{"kind":"sql","query":"SELECT * FROM read_csv('/etc/passwd')"}`, text, "error 0 0"},
		{`{"kind":"sql","query":"SELECT * FROM this"}`, nothing, "error 0 0"},
		{`{"kind":"foreign_key","column":"x","reference":{"dataset":"ref","column":"k"}}`, text, "failed 6 5"},
		{`{"kind":"foreign_key","column":"id","reference":{"dataset":"ref","column":"k"}}`, text, "error 0 0"},
		{`{"kind":"foreign_key","column":"x","reference":{"dataset":"none","column":"k"}}`, text, "error 0 0"},
		{`{"kind":"foreign_key","column":"x","reference":{"dataset":"empty","column":"k"}}`, text, "error 0 0"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			report := check(t, c.rule, c.rows, quality.Input{References: map[string][]string{
				"ref": {parquet(t, "SELECT unnest(['a', 'b', NULL]) AS k")}, "empty": {parquet(t, "SELECT CAST(NULL AS VARCHAR) AS k")},
			}})
			got := report.Results[0]
			if diff := cmp.Diff(c.want, fmt.Sprintf("%s %d %d", got.Status, got.Checked, got.Failed)); diff != "" {
				t.Errorf("%s\n%s", got.Sentence, diff)
			}
			if got.Sentence == "" {
				t.Error("no sentence")
			}
		})
	}
}

func TestCheck_Drift_ComparesWithTheVersionBefore(t *testing.T) {
	t.Parallel()
	same := "SELECT range AS id, range % 100 AS n, 'c' || range % 3 AS c FROM range(1000)"
	moved := "SELECT range AS id, 50 + range % 100 AS n, 'd' || range % 3 AS c FROM range(2000)"
	rules := `{"name":"rows","kind":"row_count_drift","change":0.5},{"name":"psi","kind":"distribution_drift","column":"n"},
		{"name":"ks","kind":"distribution_drift","column":"n","method":"ks"},{"name":"text","kind":"distribution_drift","column":"c"}`
	for rows, want := range map[string]string{same: quality.Passed, moved: quality.Failed} {
		for _, r := range check(t, rules, rows, quality.Input{Previous: []string{parquet(t, same)}}).Results {
			if r.Status != want || r.Measured == nil {
				t.Errorf("%s: %s, want %s: %s", r.Rule, r.Status, want, r.Sentence)
			}
		}
	}
	ks := check(t, rules, moved, quality.Input{Previous: []string{parquet(t, same)}}).Results[2]
	if *ks.Measured != 0.5 {
		t.Errorf("ks is %v, want 0.5", *ks.Measured)
	}
}

func TestCheck_OneRuleIsFaulty_OthersAreEvaluated(t *testing.T) {
	t.Parallel()
	report := check(t, `{"name":"bad","kind":"range","column":"x","min":1e999},{"name":"worse","kind":"pattern","column":"y","pattern":"(?i)a"},{"name":"good","kind":"not_null","column":"x"}`,
		"SELECT 1 AS id, 1.5::DECIMAL(4,2) AS x", quality.Input{})
	if r := report.Results; r[1].Status != quality.Error || r[2].Status != quality.Passed {
		t.Errorf("results %+v", r)
	}
	if blocked := quality.Blocked(report.Results); !strings.Contains(blocked, "worse") {
		t.Errorf("sentence %q", blocked)
	}
}

func TestCheck_RowsFail_AllAreWrittenWithTheirKeys(t *testing.T) {
	t.Parallel()
	rows := "SELECT CAST(range % 5 AS VARCHAR) AS x, range AS id, 'r' AS _rule, [range] AS list, {'a': range} AS s FROM range(100000)"
	report := check(t, `{"name":"low","kind":"range","column":"id","min":50000,"severity":"warn"},{"name":"o'k","kind":"set","column":"x","values":["0","1","2","3"]},{"name":"one","kind":"unique","column":"x"}`, rows, quality.Input{})
	if report.Rows != 50000+20000+100000 {
		t.Errorf("%d rows", report.Rows)
	}
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fields, err := s.Fields(t.Context(), engine.Parquet(report.File))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"id", "x", "_rule", "list", "s", "__rule", "_version"}, names); diff != "" {
		t.Error(diff)
	}
	row, err := s.Row(t.Context(), "SELECT count(*), min(id), max(id), min(_version) FROM "+engine.Parquet(report.File)+" WHERE __rule = 'o''k' AND s.a = id AND list[1] = id")
	if diff := cmp.Diff([]any{int64(20000), int64(4), int64(99999), int32(7)}, row); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]string{`"id" = "0"`, `"id" = "1"`, `"id" = "2"`}, report.Results[0].FirstKeys); diff != "" {
		t.Error(diff)
	}
}

func TestCheck_Cancelled_LeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := quality.Check(ctx, decode(t, `{"rules":[{"kind":"not_null","column":"x"}]}`), quality.Input{Files: []string{parquet(t, "SELECT NULL AS x")}}, quality.Options{Scratch: dir}); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestDecode_Refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"rulez":[]}`: "rulez",
		`{"rules":[{"kind":"not_null","colum":"x"}]}`:                                         "colum",
		`{"rules":[{"Kind":"not_null","column":"x"}]}`:                                        "Kind",
		`{"rules":[{"kind":"not_null","column":"x","min":1}]}`:                                "does not use min",
		`{"rules":[{"kind":"range","column":"x"}]}`:                                           "needs min or max",
		`{"rules":[{"kind":"range","column":"x","min":true}]}`:                                "bound",
		`{"rules":[{"kind":"range","column":"x","min":null}]}`:                                "string, a number",
		`{"rules":[{"kind":"notnull","column":"x"}]}`:                                         "write one of",
		`{"rules":[{"kind":"pattern","column":"x","pattern":"("}]}`:                           "regular expression",
		`{"rules":[{"kind":"freshness","column":"x","within":"soon"}]}`:                       "duration",
		`{"rules":[{"kind":"not_null","column":"x"},{"kind":"not_null","column":"x"}]}`:       "already named",
		`{"rules":[{"kind":"not_null","column":"x","severity":"fatal"}]}`:                     "warn or block",
		`{"rules":[{"kind":"sql","expression":"true","query":"SELECT"}]}`:                     "either",
		`{"rules":[{"kind":"foreign_key","column":"x","reference":{"dataset":"d","key":1}}]}`: "key",
		`{"rules":"x"}`:         "list",
		`{"rules":null}`:        "list",
		`{"owner":7}`:           "string",
		`[]`:                    "object",
		`{`:                     "JSON",
		`{"compatibility":"x"}`: "backward",
		`{"schema":[{"name":"a","type":"MONEY"}]}`:                           "type",
		`{"schema":[{"name":"a","type":"DATE"},{"name":"A","type":"DATE"}]}`: "own",
		`{"rules":[{"kind":"completeness","column":"x","share":1.5}]}`:       "out of range",
		`{"rules":[{"kind":"length","column":"x","max":1.5}]}`:               "whole number",
		`{"service_levels":{"freshness":"x"}}`:                               "duration",
		`{"rules":[{"kind":"set","column":"x","values":[["a"]]}]}`:           "string, a number",
	} {
		if _, err := quality.Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestFromYAML_KeepsValues(t *testing.T) {
	t.Parallel()
	got, err := quality.FromYAML([]byte("owner: no\nrules:\n  - kind: range # least\n    column: 'x'\n    min: 0.10000000000000000001\n    max: 2026-11-30\n  - {kind: set, values: [yes, 1, true]}\n"))
	want := `{"owner":"no","rules":[{"kind":"range","column":"x","min":0.10000000000000000001,"max":"2026-11-30"},{"kind":"set","values":["yes",1,true]}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for text, want := range map[string]string{
		"a: &x 1\nb: *x": "anchor", "a: 1\na: 2": "repeated", "a: 0x10": "decimal", "a: .inf": "decimal", "1: a": "not text", "": "empty", "a: [": "YAML", "a: !!binary aGk=": "type",
	} {
		if _, err := quality.FromYAML([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
