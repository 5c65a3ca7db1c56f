package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"function/shared/engine"
	"function/shared/ingest"
	"function/shared/quality"
)

const ruledRows = 2_000_000

// ruleTools evaluates the same rules with Great Expectations and Soda.
//
//go:embed rules.py
var ruleTools string

// rules measures fifty rules on a table of 32 columns: ten each of not_null, range, length and pattern, eight sets, two unique.
// One scan is a query that reads every value once: it sums numbers, and takes the greatest text of each column. The preparation
// of a version profiles it anyway, so the rules' time is that of the check and of keeping values while profiling.
func (b *bench) rules(ctx context.Context) error {
	file := b.path("ruled.parquet")
	defer os.Remove(file)
	columns, sums := []string{"range AS id", "hash(range) AS code"}, []string{"sum(id)", "sum(code)"}
	rules := []string{`{"kind":"unique","column":"id"}`, `{"kind":"unique","column":"code"}`}
	for i := range 10 {
		columns = append(columns, fmt.Sprintf("range %% 20 AS s%[1]d, CAST(hash(range, %[1]d) %% 100000 AS BIGINT) AS n%[1]d, substr(md5(CAST(range %% 50000 + %[1]d AS VARCHAR)), 1, 12) AS t%[1]d", i))
		sums = append(sums, fmt.Sprintf("sum(s%[1]d), sum(n%[1]d), max(t%[1]d)", i))
		rules = append(rules, fmt.Sprintf(`{"kind":"not_null","column":"n%[1]d"},{"kind":"range","column":"n%[1]d","min":0,"max":100000},
			{"kind":"length","column":"t%[1]d","min":12,"max":12},{"kind":"pattern","column":"t%[1]d","pattern":"^[0-9a-f]+$"}`, i))
		if i < 8 {
			rules = append(rules, fmt.Sprintf(`{"kind":"set","column":"s%d","values":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]}`, i))
		}
	}
	s, err := engine.OpenSpilling(ctx, b.dir, "")
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM range(%d)) TO %s (FORMAT parquet)", strings.Join(columns, ", "), ruledRows, engine.Literal(file))); err != nil {
		return err
	}
	contract, err := quality.Decode([]byte(`{"rules":[` + strings.Join(rules, ",") + `]}`))
	if err != nil {
		return err
	}
	in := quality.Input{Files: []string{file}, At: time.Now()}
	var scans, profiled, kept, checks []duration
	for range 3 {
		scan, err := timed(func() error {
			_, err := s.Row(ctx, "SELECT "+strings.Join(sums, ", ")+" FROM "+engine.Parquet(file))
			return err
		})
		if err != nil {
			return err
		}
		var profiles [2]duration
		for i, values := range [][]string{nil, contract.Columns()} {
			if profiles[i], err = timed(func() error {
				profile, err := ingest.Describe(ctx, in.Files, ingest.Options{Scratch: b.dir, Values: values})
				if err == nil {
					in.Values = profile.Values
				}
				return err
			}); err != nil {
				return err
			}
		}
		check, err := timed(func() error {
			report, err := quality.Check(ctx, contract, in, quality.Options{Scratch: b.dir})
			if err == nil && *quality.Score(report.Results) != 1 {
				err = errors.New("a rule does not pass")
			}
			return err
		})
		if err != nil {
			return err
		}
		progress("scan %s, profile %s and with values %s, check %s", scan, profiles[0], profiles[1], check)
		scans, profiled, kept, checks = append(scans, scan), append(profiled, profiles[0]), append(kept, profiles[1]), append(checks, check)
	}
	took := slices.Min(checks) + max(0, slices.Min(kept)-slices.Min(profiled)) // the least, as others' load only adds to them
	atMostOf(&b.table, fmt.Sprintf("%d rules on %d M rows of 32 columns", len(contract.Rules), ruledRows/1_000_000), took, slices.Min(scans), "one scan", 1.25)
	return b.otherRules(ctx, file, took)
}

// otherRules evaluates the same rules with other tools, in a virtual environment of their own, as far as they can be installed.
func (b *bench) otherRules(ctx context.Context, file string, took duration) error {
	venv := b.path("venv")
	defer os.RemoveAll(venv)
	for _, step := range [][]string{
		{"python3", "-m", "venv", venv},
		{venv + "/bin/pip", "install", "-q", "great-expectations==1.24.1", "soda-core-duckdb==3.5.6", "pyarrow==26.0.1"},
	} {
		if out, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput(); err != nil {
			progress("Great Expectations and Soda cannot be installed: %v: %s", err, out)
			return ctx.Err()
		}
	}
	for _, tool := range []string{"Soda", "Great Expectations"} {
		c := exec.CommandContext(ctx, venv+"/bin/python", "-c", ruleTools, tool, file)
		var said strings.Builder
		c.Stderr = &said
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", tool, err, said.String())
		}
		printed := strings.Fields(string(out)) // DuckDB prints a progress bar
		seconds, err := strconv.ParseFloat(printed[len(printed)-1], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", tool, err)
		}
		atMostOf(&b.table, "  the same rules", took, duration(seconds*1e9), tool, 1)
	}
	return nil
}
