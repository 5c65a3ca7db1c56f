package quality

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/fault"
)

// Input is what the rules are evaluated on.
type Input struct {
	Files      []string            // Parquet files with the rows of the version
	Values     map[string]string   // files with all values of single columns, as in ingest.Profile; rules that they answer read no rows
	Version    int                 // its number, for the column _version of failing rows
	Misfits    map[string]string   // files with the positions of the rows whose value of a column does not fit the schema, as in ingest.Profile; there is one of Files then
	Previous   []string            // files of the version before; nil: there is none
	References map[string][]string // files of the data sets that foreign keys refer to, by name
	At         time.Time           // the age of values is counted from here
}

// Options bound the work.
type Options struct {
	Scratch string        // directory for temporary files, in which the file of failing rows is left
	Memory  string        // DuckDB's memory limit; empty: 256MB
	Timeout time.Duration // of one rule, or of the scan for all rules about single rows; zero: 5 minutes
}

// checker evaluates the rules of a contract in its own DuckDB instance.
type checker struct {
	*engine.Session
	contract *Contract
	in       Input
	opts     Options
	columns  []engine.Field
	rows     int64
	results  []Result
	failing  []string // queries for failing rows
	files    int      // of rules with SQL
}

// Check evaluates the rules and writes the failing rows. Faults of a rule are in its result; an error is a fault of the
// machine, after which nothing is left.
func Check(ctx context.Context, contract *Contract, in Input, opts Options) (*Report, error) {
	opts.Timeout = cmp.Or(opts.Timeout, 5*time.Minute)
	scratch, err := os.MkdirTemp(opts.Scratch, "quality-*")
	if err != nil {
		return nil, fmt.Errorf("create a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	dir := opts.Scratch
	opts.Scratch = scratch
	s, err := engine.Open(ctx, "SET threads = 2", "SET memory_limit = "+engine.Literal(cmp.Or(opts.Memory, "256MB")),
		"SET temp_directory = "+engine.Literal(scratch), "SET preserve_insertion_order = true")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	whole := *contract
	whole.Rules = contract.AllRules()
	contract = &whole
	c := &checker{Session: s, contract: contract, in: in, opts: opts}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	for i := range contract.Rules {
		r := &contract.Rules[i]
		c.results = append(c.results, Result{Rule: r.Name, Kind: r.Kind, Severity: r.Severity, Weight: r.weight()})
	}
	if err := c.scan(ctx); err != nil {
		return nil, err
	}
	for i := range c.results {
		if c.results[i].Status != "" {
			continue
		}
		if err := c.each(ctx, &contract.Rules[i], &c.results[i]); err != nil {
			return nil, err
		}
	}
	if err := c.schema(ctx); err != nil {
		return nil, err
	}
	report := &Report{Results: c.results}
	if len(c.failing) > 0 {
		report.File = filepath.Join(dir, "failures.parquet")
		if err := c.write(ctx, report); err != nil {
			_ = os.Remove(report.File) // if it is there
			return nil, err
		}
	}
	return report, ctx.Err()
}

// open makes the views: this, previous, and one for each reference.
func (c *checker) open(ctx context.Context) (err error) {
	if err := c.Exec(ctx, "CREATE VIEW this AS SELECT * FROM "+engine.Parquet(c.in.Files...)); err != nil {
		return err
	}
	if len(c.in.Previous) > 0 {
		if err := c.Exec(ctx, "CREATE VIEW previous AS SELECT * FROM "+engine.Parquet(c.in.Previous...)); err != nil {
			return err
		}
	}
	if c.columns, err = c.Fields(ctx, "this"); err != nil {
		return err
	}
	c.rows, err = c.count(ctx, "SELECT count(*) FROM this")
	return err
}

func (c *checker) count(ctx context.Context, query string) (int64, error) {
	row, err := c.Row(ctx, query)
	if err != nil {
		return 0, err
	}
	return integer(row[0]), nil
}

func integer(v any) int64 {
	n, _ := v.(int64)
	return n
}

// resolve returns the columns that a rule names.
func (c *checker) resolve(names []string) (found []engine.Field, err error) {
	for _, name := range names {
		i := slices.IndexFunc(c.columns, func(f engine.Field) bool { return strings.EqualFold(f.Name, name) })
		if i < 0 {
			return nil, problemf("There is no column %s.", fault.Excerpt(name))
		}
		found = append(found, c.columns[i])
	}
	return found, nil
}

// scanned is a rule that a scan evaluates, with the places of its counts in the row.
type scanned struct {
	rule, checked, failed int
	condition
}

// scan makes the counts of rules.
type scan struct {
	from  string
	list  []string // aggregates; the first is the number of rows
	rules []scanned
}

// place returns the place of an aggregate in the list.
func (s *scan) place(aggregate string) int {
	if at := slices.Index(s.list, aggregate); at >= 0 {
		return at
	}
	s.list = append(s.list, aggregate)
	return len(s.list) - 1
}

// maxAggregates is how many counts one scan makes: DuckDB's planning time grows with their square.
const maxAggregates = 256

// scan evaluates all rules about single rows: those about one column by its values, if they are known, and the others in
// one scan of the rows.
func (c *checker) scan(ctx context.Context) error {
	rows := &scan{from: "this", list: []string{"count(*)"}}
	values := map[string]*scan{}
	for i := range c.contract.Rules {
		r := &c.contract.Rules[i]
		columns, err := c.resolve(r.columns())
		if err != nil {
			c.fail(i, err)
			continue
		}
		condition, ok, err := r.condition(columns)
		if err != nil {
			c.fail(i, err)
			continue
		}
		if !ok {
			continue
		}
		s := scanned{rule: i, condition: condition}
		if v, known := c.values(columns); known {
			if values[v.from] == nil {
				values[v.from] = &scan{from: v.from, list: []string{fmt.Sprintf("CAST(%d AS BIGINT)", c.rows)}}
			}
			by := values[v.from]
			if condition.checked != "" {
				s.checked, s.failed = by.place(v.count("true")), by.place(v.count(condition.fails))
			} else { // nulls have no values
				s.failed = by.place(fmt.Sprintf("%d - %s", c.rows, v.count("true")))
			}
			by.rules = append(by.rules, s)
			continue
		}
		if condition.checked != "" {
			s.checked = rows.place("count(" + engine.Identifier(columns[0].Name) + ")")
		}
		s.failed = rows.place("count(*) FILTER (" + condition.fails + ")")
		if rows.rules = append(rows.rules, s); len(rows.list) >= maxAggregates {
			if err := c.evaluate(ctx, rows); err != nil {
				return err
			}
			rows = &scan{from: "this", list: []string{"count(*)"}}
		}
	}
	for _, from := range sortedKeys(values) {
		if err := c.evaluate(ctx, values[from]); err != nil {
			return err
		}
	}
	if len(rows.rules) == 0 {
		return nil
	}
	return c.evaluate(ctx, rows)
}

// values are the distinct values of a column, with the number of rows of each.
type values struct {
	from string // relation with a column of the same name
	n    string // identifier of the number of rows
}

// values returns the values of the only column of a rule, or false if they are not known.
func (c *checker) values(columns []engine.Field) (v values, known bool) {
	if len(columns) != 1 {
		return v, false
	}
	name := columns[0].Name
	file, known := c.in.Values[name]
	v.n = engine.Identifier(name + "_rows")
	v.from = fmt.Sprintf("(SELECT v AS %s, n AS %s FROM %s)", engine.Identifier(name), v.n, engine.Parquet(file))
	return v, known
}

// count is the number of rows with values for which a condition holds.
func (v values) count(condition string) string {
	return fmt.Sprintf("CAST(coalesce(sum(%s) FILTER (%s), 0) AS BIGINT)", v.n, condition)
}

// fail makes the result of a rule an error with a sentence.
func (c *checker) fail(i int, err error) {
	c.results[i].Status = Error
	c.results[i].Sentence = fmt.Sprintf("The rule %s could not be evaluated. %s", fault.Excerpt(c.results[i].Rule), sentenceOf(err))
}

func sentenceOf(err error) string {
	var p problem
	if errors.As(err, &p) {
		return string(p)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "It took too long."
	}
	if e := engine.ErrorOf(err); e != nil {
		if e.Type == duckdb.ErrorTypeOutOfMemory {
			return "It needs too much memory."
		}
		return strings.TrimSuffix(engine.Sentence(e), ".") + "."
	}
	return "It failed."
}

// ofRule reports whether an error is a fault of the rule and not of the machine.
func ofRule(err error) bool {
	var p problem
	e := engine.ErrorOf(err)
	return errors.As(err, &p) || errors.Is(err, context.DeadlineExceeded) || e != nil && e.Type != duckdb.ErrorTypeIO &&
		e.Type != duckdb.ErrorTypeInternal && e.Type != duckdb.ErrorTypeFatal
}

// evaluate makes the counts of rules in one scan. If it fails, each rule is evaluated alone to find the one at fault.
func (c *checker) evaluate(ctx context.Context, s *scan) error {
	limited, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	row, err := c.Row(limited, "SELECT "+strings.Join(s.list, ", ")+" FROM "+s.from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && limited.Err() != nil {
		err = context.DeadlineExceeded
	}
	if err != nil && !ofRule(err) {
		return err
	}
	if err != nil && len(s.rules) == 1 {
		c.fail(s.rules[0].rule, err)
		return nil
	}
	if err != nil {
		for _, one := range s.rules {
			alone := &scan{from: s.from, list: []string{s.list[0], s.list[one.checked], s.list[one.failed]}}
			one.checked, one.failed = 1, 2
			alone.rules = []scanned{one}
			if err := c.evaluate(ctx, alone); err != nil {
				return err
			}
		}
		return nil
	}
	for _, one := range s.rules {
		r, result := &c.contract.Rules[one.rule], &c.results[one.rule]
		result.Checked, result.Failed = integer(row[one.checked]), integer(row[one.failed])
		c.decide(r, result)
		if result.Status == Failed {
			c.failing = append(c.failing, c.rowsOf(r, "this t", one.fails))
		}
	}
	return nil
}

// decide sets the status by the counts.
func (c *checker) decide(r *Rule, result *Result) {
	name := fault.Excerpt(r.Name)
	share := float64(0)
	if r.Kind == "completeness" && result.Checked > 0 {
		share = float64(result.Checked-result.Failed) / float64(result.Checked)
		result.Measured = &share
	}
	switch {
	case result.Checked == 0:
		result.Status, result.Sentence = Error, fmt.Sprintf("The rule %s had nothing to check: %s.", name, c.nothing(r))
	case r.Kind == "completeness" && share >= *r.Share:
		result.Status, result.Sentence = Passed, fmt.Sprintf("%.4g%% of %d rows have a value of %s.", 100*share, result.Checked, fault.Excerpt(r.Column))
		result.Failed = 0
	case r.Kind == "completeness":
		result.Status, result.Sentence = Failed, fmt.Sprintf("Only %.4g%% of %d rows have a value of %s; the rule %s wants %.4g%%.", 100*share, result.Checked, fault.Excerpt(r.Column), name, 100**r.Share)
	case result.Failed > 0:
		result.Status, result.Sentence = Failed, fmt.Sprintf("%d of %d rows fail the rule %s.", result.Failed, result.Checked, name)
	default:
		result.Status, result.Sentence = Passed, fmt.Sprintf("%d rows pass the rule %s.", result.Checked, name)
	}
}

func (c *checker) nothing(r *Rule) string {
	if c.rows == 0 {
		return "the version has no rows"
	}
	return "no row has a value"
}

// each evaluates a rule that is not about single rows.
func (c *checker) each(ctx context.Context, r *Rule, result *Result) error {
	limited, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	columns, err := c.resolve(r.columns())
	if err == nil {
		switch r.Kind {
		case "unique":
			err = c.unique(limited, r, result, columns)
		case "foreign_key":
			err = c.foreignKey(limited, r, result, columns[0])
		case "freshness":
			err = c.freshness(limited, r, result, columns[0])
		case "row_count_drift":
			err = c.rowCount(limited, r, result)
		case "distribution_drift":
			err = c.drift(limited, r, result, columns[0])
		case "sql":
			err = c.sql(limited, r, result)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && limited.Err() != nil:
		err = context.DeadlineExceeded
	case err != nil && !ofRule(err):
		return err
	}
	if err != nil {
		*result = Result{Rule: r.Name, Kind: r.Kind, Severity: r.Severity, Weight: r.weight()}
		c.fail(slices.IndexFunc(c.results, func(other Result) bool { return other.Rule == r.Name }), err)
	}
	return nil
}
