// Package distribution describes how the values of a table's columns are distributed: histograms, quantiles, shapes of text,
// examples, and correlations. It runs when a version of a data set is prepared. The figures of a large table are those of a
// random sample of its rows.
package distribution

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/sample"
)

const (
	bins        = 20  // of a histogram
	shapes      = 5   // of a column of text
	shapeLength = 50  // characters of a text that its shape is of
	examples    = 5   // of a column
	exampleText = 100 // characters of an example
	correlated  = 30  // columns whose correlations are computed
)

// Distribution describes the rows of a table.
type Distribution struct {
	Sampled      *int64        `json:"sampled_rows,omitempty"`
	Columns      []Column      `json:"columns"`
	Correlations *Correlations `json:"correlations,omitempty"`
}

// Column describes the values of a column.
type Column struct {
	Quantiles *Quantiles `json:"quantiles,omitempty" doc:"Of numbers, dates and times, without infinite ones and NaN: the least value that is not less than this share of the values"`
	Histogram []Bin      `json:"histogram,omitempty" doc:"Of numbers, dates and times, without infinite ones and NaN: intervals of equal width from the least value to the greatest. Of text, see top_values"`
	Patterns  []Pattern  `json:"patterns,omitempty" doc:"Of text: the five commonest shapes, in which A stands for a capital letter, a for any other letter and 9 for a digit, of the first 50 characters"`
	Examples  []any      `json:"examples,omitempty" doc:"Up to five different values; text is cut to 100 characters"`
}

// Quantiles are values of a column, in the form of package resultset.
type Quantiles struct {
	P5  any `json:"p5"`
	P25 any `json:"p25"`
	P50 any `json:"p50"`
	P75 any `json:"p75"`
	P95 any `json:"p95"`
}

// Bin is an interval with its number of values.
type Bin struct {
	From  any   `json:"from" doc:"A number (the nearest double) or, of dates and times, a time; the interval begins with it"`
	To    any   `json:"to" doc:"The interval ends before it; the last one ends with it"`
	Count int64 `json:"count"`
}

// Pattern is a shape of text.
type Pattern struct {
	Shape string  `json:"shape" example:"AA-9999"`
	Count int64   `json:"count"`
	Share float64 `json:"share" doc:"Of the values that are not null"`
}

// Correlations are Pearson's correlation coefficients of columns with numbers.
type Correlations struct {
	Columns []string     `json:"columns" nullable:"false" doc:"The first 30 columns with numbers"`
	Matrix  [][]*float64 `json:"matrix" nullable:"false" doc:"In the order of the columns; null if a column has only one value, or no two rows have values of both"`
}

// describer describes one table.
type describer struct {
	*engine.Session
	fields []engine.Field // of the sample
}

// Describe describes a table by a sample of its rows. It makes temporary tables in the session.
func Describe(ctx context.Context, s *engine.Session, drawn *sample.Sample) (_ *Distribution, err error) {
	fields := drawn.Fields
	out := &Distribution{Columns: make([]Column, len(fields))}
	if !drawn.Whole() {
		out.Sampled = &drawn.Rows
	}
	var list []string
	for _, f := range fields {
		list = append(list, sample.Value(f)+" AS "+engine.Identifier(f.Name))
	}
	if err := s.Exec(ctx, "CREATE OR REPLACE TEMP TABLE sample AS SELECT "+strings.Join(list, ", ")+" FROM "+engine.Parquet(drawn.Files...)); err != nil {
		return nil, err
	}
	d := &describer{Session: s}
	if d.fields, err = s.Fields(ctx, "sample"); err != nil {
		return nil, err
	}
	for i, f := range d.fields {
		if err := d.column(ctx, f, fields[i].Type == "VARCHAR", &out.Columns[i]); err != nil {
			return nil, fmt.Errorf("describe column %d: %w", i+1, err)
		}
	}
	out.Correlations, err = d.correlations(ctx)
	return out, err
}

func (d *describer) column(ctx context.Context, f engine.Field, text bool, c *Column) (err error) {
	if number(f.Type) || temporal(f.Type) {
		if err := d.quantiles(ctx, f, c); err != nil {
			return err
		}
	}
	if text {
		if err := d.patterns(ctx, f, c); err != nil {
			return err
		}
	}
	x := engine.Identifier(f.Name)
	value := "v"
	if f.Type == "VARCHAR" {
		value = fmt.Sprintf("left(v, %d)", exampleText)
	}
	query := fmt.Sprintf("SELECT %s FROM (SELECT %s AS v, min(rowid) AS r FROM sample WHERE %s IS NOT NULL GROUP BY 1) ORDER BY r LIMIT %d", value, x, x, examples)
	return d.Each(ctx, query, func(row []any) error {
		c.Examples = append(c.Examples, f.Value(row[0]))
		return nil
	})
}

// patterns finds the commonest shapes of a column of text.
func (d *describer) patterns(ctx context.Context, f engine.Field, c *Column) error {
	shape := fmt.Sprintf(`regexp_replace(regexp_replace(regexp_replace(left(%s, %d), '\p{Nd}', '9', 'g'), '\p{Lu}', 'A', 'g'), '[\p{Ll}\p{Lt}\p{Lm}\p{Lo}]', 'a', 'g')`, engine.Identifier(f.Name), shapeLength)
	query := fmt.Sprintf("SELECT v, n, CAST(n AS DOUBLE) / sum(n) OVER () FROM (SELECT %s AS v, count(*) AS n FROM sample WHERE %s IS NOT NULL GROUP BY 1) ORDER BY n DESC, v LIMIT %d",
		shape, engine.Identifier(f.Name), shapes)
	return d.Each(ctx, query, func(row []any) error {
		p := Pattern{}
		p.Shape, _ = row[0].(string)
		p.Count, _ = row[1].(int64)
		p.Share, _ = row[2].(float64)
		c.Patterns = append(c.Patterns, p)
		return nil
	})
}

func floating(sqlType string) bool { return sqlType == "DOUBLE" || sqlType == "FLOAT" }

func number(sqlType string) bool {
	return floating(sqlType) || strings.HasSuffix(sqlType, "INT") || strings.HasSuffix(sqlType, "INTEGER") || strings.HasPrefix(sqlType, "DECIMAL") && strings.HasSuffix(sqlType, ")")
}

func temporal(sqlType string) bool {
	return slices.Contains([]string{"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}, sqlType)
}
