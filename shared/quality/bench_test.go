package quality_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"function/shared/engine"
	"function/shared/ingest"
	"function/shared/quality"
)

// wide is a table of 2,000,000 rows with thirty columns of numbers and text and two identifiers.
func wide(b *testing.B) string {
	columns := []string{"range AS id", "hash(range) AS code"}
	for i := range 10 {
		columns = append(columns, fmt.Sprintf("range %% 20 AS s%d", i))
		columns = append(columns, fmt.Sprintf("CAST(hash(range, %d) %% 100000 AS BIGINT) AS n%d", i, i), fmt.Sprintf("substr(md5(CAST(range %% 50000 + %d AS VARCHAR)), 1, 12) AS t%d", i, i))
	}
	return parquet(b, "SELECT "+strings.Join(columns, ", ")+" FROM range(2000000)")
}

// kinds are rules of each kind, of which every row passes.
func kinds() map[string][]string {
	list := map[string][]string{"unique": {`{"kind":"unique","column":"id"}`, `{"kind":"unique","column":"code"}`}}
	for i := range 10 {
		for kind, rule := range map[string]string{
			"not_null": `{"kind":"not_null","column":"n%[1]d"}`,
			"range":    `{"kind":"range","column":"n%[1]d","min":0,"max":100000}`,
			"length":   `{"kind":"length","column":"t%[1]d","min":12,"max":12}`,
			"pattern":  `{"kind":"pattern","column":"t%[1]d","pattern":"^[0-9a-f]+$"}`,
			"set":      `{"name":"set_%[1]d","kind":"set","column":"s%[1]d","values":[` + numbers() + `],"severity":"warn"}`,
		} {
			list[kind] = append(list[kind], fmt.Sprintf(rule, i))
		}
	}
	list["set"] = list["set"][:8]
	return list
}

func numbers() string {
	var list []string
	for i := range 20 {
		list = append(list, fmt.Sprint(i))
	}
	return strings.Join(list, ",")
}

// BenchmarkFiftyRules compares fifty rules (ten each of not_null, range, length and pattern, eight sets, two unique) with
// one scan that reads every value of the same columns once: it sums numbers, and takes the greatest text. All rules pass.
// The preparation of a version profiles it anyway, so the time of the rules is what they add to that: keeping the values
// of the columns, and the check. Kinds are also measured alone; "rows" is the check without the values.
func BenchmarkFiftyRules(b *testing.B) {
	path := wide(b)
	s, err := engine.Open(b.Context(), "SET threads = 2", "SET memory_limit = '256MB'", "SET temp_directory = "+engine.Literal(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	aggregates := []string{"sum(id)", "sum(code)"}
	for i := range 10 {
		aggregates = append(aggregates, fmt.Sprintf("sum(n%[1]d), max(t%[1]d), sum(s%[1]d)", i))
	}
	var all []string
	for _, name := range []string{"not_null", "range", "length", "pattern", "set", "unique", "all"} {
		rules := kinds()[name]
		if all = append(all, rules...); name == "all" {
			rules = all
		}
		contract := decode(b, `{"rules":[`+strings.Join(rules, ",")+`]}`)
		b.Run(name, func(b *testing.B) {
			var scans, profiles, kept, checks, rows time.Duration
			timed := func(total *time.Duration, work func() error) {
				began := time.Now()
				if err := work(); err != nil {
					b.Fatal(err)
				}
				*total += time.Since(began)
			}
			for b.Loop() {
				timed(&scans, func() error {
					_, err := s.Row(context.Background(), "SELECT "+strings.Join(aggregates, ", ")+" FROM "+engine.Parquet(path))
					return err
				})
				options := ingest.Options{Scratch: b.TempDir()}
				timed(&profiles, func() error {
					_, err := ingest.Describe(context.Background(), []string{path}, options)
					return err
				})
				in := quality.Input{Files: []string{path}, At: now}
				check := func() error {
					_, err := quality.Check(context.Background(), contract, in, quality.Options{Scratch: b.TempDir()})
					return err
				}
				timed(&rows, check)
				options.Values = contract.Columns()
				timed(&kept, func() error {
					profile, err := ingest.Describe(context.Background(), []string{path}, options)
					in.Values = profile.Values
					return err
				})
				timed(&checks, check)
			}
			for name, took := range map[string]time.Duration{"rules": kept - profiles + checks, "check": checks, "rows": rows, "profile": profiles} {
				b.ReportMetric(float64(took)/float64(scans), name+"/scan")
			}
			b.ReportMetric(float64(scans.Milliseconds())/float64(b.N), "scan-ms")
		})
	}
}
