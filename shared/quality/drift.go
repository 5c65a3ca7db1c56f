package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
)

const noPrevious = "There is no version before to compare with."

// rowCount compares the number of rows with that of the version before.
func (c *checker) rowCount(ctx context.Context, r *Rule, result *Result) error {
	if len(c.in.Previous) == 0 {
		result.Status, result.Sentence = Skipped, noPrevious
		return nil
	}
	before, err := c.count(ctx, "SELECT count(*) FROM previous")
	if err != nil {
		return err
	}
	if before == 0 {
		return problemf("The version before has no rows.")
	}
	change := math.Abs(float64(c.rows-before)) / float64(before)
	result.Checked, result.Measured = c.rows, &change
	if result.Status = Passed; change > *r.Change {
		result.Status = Failed
	}
	result.Sentence = fmt.Sprintf("The version has %d rows, the version before %d; the rule %s allows a change of %.4g%%.", c.rows, before, fault.Excerpt(r.Name), 100**r.Change)
	return nil
}

// drift compares the distribution of a column with that in the version before.
func (c *checker) drift(ctx context.Context, r *Rule, result *Result, f engine.Field) error {
	if len(c.in.Previous) == 0 {
		result.Status, result.Sentence = Skipped, noPrevious
		return nil
	}
	fields, err := c.Fields(ctx, "previous")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(fields, func(p engine.Field) bool { return p.Name == f.Name && p.Type == f.Type }) {
		return problemf("The version before has no column %s of type %s.", fault.Excerpt(f.Name), f.Type)
	}
	x := engine.Identifier(f.Name)
	value, number := x, true
	switch {
	case f.Type == "DOUBLE" || f.Type == "FLOAT":
		value = fmt.Sprintf("CASE WHEN isfinite(%[1]s) THEN CAST(%[1]s AS DOUBLE) END", x)
	case numeric(f.Type):
		value = "CAST(" + x + " AS DOUBLE)"
	case temporal(f.Type):
		value = fmt.Sprintf("CASE WHEN isfinite(%[1]s) THEN CAST(epoch(%[1]s) AS DOUBLE) END", x)
	case f.Type == "VARCHAR" || f.Type == "BOOLEAN" || f.Type == "UUID":
		number = false
	default:
		return problemf("The column %s is of type %s, whose distribution cannot be compared.", fault.Excerpt(f.Name), f.Type)
	}
	if r.Method == "ks" && !number {
		return problemf("The column %s is of type %s: ks compares numbers and times, use psi.", fault.Excerpt(f.Name), f.Type)
	}
	row, err := c.Row(ctx, fmt.Sprintf("SELECT (SELECT count(%[1]s) FROM this), (SELECT count(%[1]s) FROM previous)", value))
	if err != nil {
		return err
	}
	result.Checked = integer(row[0])
	if result.Checked == 0 || integer(row[1]) == 0 {
		return problemf("This version or the one before has no values of %s.", fault.Excerpt(f.Name))
	}
	var measured float64
	limit := 0.25
	if r.Method == "ks" {
		measured, err = c.ks(ctx, value)
		limit = 0.1
	} else {
		measured, err = c.psi(ctx, value, number)
	}
	if err != nil {
		return err
	}
	if r.Threshold != nil {
		limit = *r.Threshold
	}
	result.Measured = &measured
	if result.Status = Passed; measured > limit {
		result.Status = Failed
	}
	result.Sentence = fmt.Sprintf("The distribution of %s differs from the version before by %.4g; the rule %s allows %.4g.", fault.Excerpt(f.Name), measured, fault.Excerpt(r.Name), limit)
	return nil
}

// ks is the two-sample Kolmogorov-Smirnov statistic.
func (c *checker) ks(ctx context.Context, value string) (float64, error) {
	row, err := c.Row(ctx, fmt.Sprintf(`
WITH u AS (SELECT %[1]s AS v, 1 AS a, 0 AS b FROM this UNION ALL SELECT %[1]s, 0, 1 FROM previous),
     g AS (SELECT v, sum(a) AS a, sum(b) AS b FROM u WHERE v IS NOT NULL GROUP BY v),
     f AS (SELECT sum(a) OVER w / sum(a) OVER () AS fa, sum(b) OVER w / sum(b) OVER () AS fb FROM g WINDOW w AS (ORDER BY v))
SELECT CAST(max(abs(fa - fb)) AS DOUBLE) FROM f`, value))
	if err != nil {
		return 0, err
	}
	d, _ := row[0].(float64)
	return d, nil
}

// rare stands for the share of an empty bin, whose logarithm would be infinite.
const rare = 1e-4

// psi is the population stability index.
func (c *checker) psi(ctx context.Context, value string, number bool) (float64, error) {
	bin := ""
	if number {
		row, err := c.Row(ctx, "SELECT CAST(list_distinct(quantile_disc(v, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])) AS VARCHAR) FROM (SELECT "+value+" AS v FROM previous)")
		if err != nil {
			return 0, err
		}
		list, _ := row[0].(string)
		bin = "len(list_filter(CAST(" + engine.Literal(list) + " AS DOUBLE[]), lambda q: q < v))"
	} else {
		var top []string
		query := fmt.Sprintf("SELECT CAST(v AS VARCHAR) FROM (SELECT %s AS v FROM previous) WHERE v IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT 20", value)
		if err := c.Each(ctx, query, func(row []any) error {
			text, _ := row[0].(string)
			top = append(top, engine.Literal(text))
			return nil
		}); err != nil {
			return 0, err
		}
		bin = "coalesce(list_position([" + strings.Join(top, ", ") + "], CAST(v AS VARCHAR)), 0)"
	}
	shares := func(table string) string {
		return fmt.Sprintf("SELECT %s AS bin, count(*) / sum(count(*)) OVER () AS share FROM (SELECT %s AS v FROM %s) WHERE v IS NOT NULL GROUP BY 1", bin, value, table)
	}
	row, err := c.Row(ctx, fmt.Sprintf(`
SELECT CAST(sum((p - q) * ln(p / q)) AS DOUBLE)
FROM (SELECT greatest(coalesce(a.share, 0), %[3]g) AS p, greatest(coalesce(b.share, 0), %[3]g) AS q FROM (%[1]s) a FULL JOIN (%[2]s) b USING (bin))`,
		shares("this"), shares("previous"), rare))
	if err != nil {
		return 0, err
	}
	index, _ := row[0].(float64)
	return index, nil
}
