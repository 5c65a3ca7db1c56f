package ingest

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/sample"
)

const (
	exactDistinct = 500_000 // up to this many distinct values the count is exact
	fewDistinct   = 50_000  // beyond, it may be an estimate if most values are distinct
	likelyExact   = 200_000 // if the sample lets expect at most this many, they are counted at once
	profileText   = 256     // characters of a text that a profile shows
	topValues     = 10
	profileBatch  = 20 // columns that one scan profiles
)

// Describe profiles the rows of prepared files, which have the same columns.
func Describe(ctx context.Context, paths []string, opts Options) (*Profile, error) {
	scratch, err := os.MkdirTemp(opts.Scratch, "describe-*")
	if err != nil {
		return nil, fmt.Errorf("create a scratch directory: %w", err)
	}
	defer os.RemoveAll(scratch)
	s, err := open(ctx, scratch, opts)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return profile(ctx, s, opts, paths...)
}

// outline counts the rows of prepared files and names their columns.
func outline(ctx context.Context, s *engine.Session, paths ...string) (*Profile, []engine.Field, error) {
	from := engine.Parquet(paths...)
	fields, err := s.Fields(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	row, err := s.Row(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return nil, nil, err
	}
	p := &Profile{Columns: make([]ColumnProfile, len(fields))}
	p.Rows, _ = row[0].(int64)
	for i, f := range fields {
		p.Columns[i] = ColumnProfile{Name: f.Name, Type: f.Type}
	}
	return p, fields, nil
}

// profile profiles prepared files.
func profile(ctx context.Context, s *engine.Session, opts Options, paths ...string) (*Profile, error) {
	p, fields, err := outline(ctx, s, paths...)
	if err != nil {
		return nil, err
	}
	if p.Sample, err = sample.Draw(ctx, s, paths, opts.Scratch); err != nil {
		return nil, err
	}
	p.Columns, p.Values = p.Columns[:0], map[string]string{}
	from := engine.Parquet(paths...)
	for batch := range slices.Chunk(fields, profileBatch) {
		many, err := crowded(ctx, s, p.Sample, batch)
		if err != nil {
			return nil, err
		}
		columns, err := summarize(ctx, s, from, batch, many)
		if err != nil {
			return nil, err
		}
		for i := range columns {
			values := ""
			if ordered(batch[i].Type) && slices.ContainsFunc(opts.Values, func(name string) bool { return strings.EqualFold(name, batch[i].Name) }) {
				values = filepath.Join(opts.Scratch, fmt.Sprintf("values-%d.parquet", len(p.Columns)+i))
			}
			kept, err := frequent(ctx, s, from, values, batch[i], &columns[i], p.Rows, many[i])
			if err != nil {
				return nil, err
			}
			if kept {
				p.Values[batch[i].Name] = values
			}
		}
		p.Columns = append(p.Columns, columns...)
	}
	return p, nil
}

// crowded tells of each column whether it may have so many distinct values that they are estimated before they are counted.
// The sample lets expect d + f1²/2f2 distinct values (Chao), of which d are in it, f1 once and f2 twice.
func crowded(ctx context.Context, s *engine.Session, drawn *sample.Sample, fields []engine.Field) ([]bool, error) {
	many := make([]bool, len(fields))
	if drawn.Of <= fewDistinct {
		return many, nil
	}
	var list []string
	for i, f := range fields {
		name := comparable(f)
		list = append(list, fmt.Sprintf("SELECT %d, count(*), count(*) FILTER (n = 1), count(*) FILTER (n = 2) FROM (SELECT count(*) AS n FROM %s WHERE %s IS NOT NULL GROUP BY %s)", i, engine.Parquet(drawn.Files...), name, name))
	}
	err := s.Each(ctx, strings.Join(list, " UNION ALL "), func(row []any) error {
		var n [4]int64
		for i := range n {
			switch v := row[i].(type) {
			case int32:
				n[i] = int64(v)
			case int64:
				n[i] = v
			}
		}
		distinct, once, twice := float64(n[1]), float64(n[2]), float64(n[3])
		many[n[0]] = distinct+once*once/(2*max(1, twice)) > likelyExact
		return nil
	})
	return many, err
}

// summarize profiles columns in one scan, as far as the groups of their values do not tell it later: the means, and of those
// that may have many distinct values their estimated number, the number of nulls, the least and the greatest value.
func summarize(ctx context.Context, s *engine.Session, from string, fields []engine.Field, many []bool) ([]ColumnProfile, error) {
	list := []string{"count(*)"}
	for i, f := range fields {
		name := engine.Identifier(f.Name)
		nulls, distinct, least, most, mean := "NULL", "NULL", "NULL", "NULL", "NULL"
		if many[i] {
			nulls, distinct = "count(*) - count("+name+")", "approx_count_distinct("+comparable(f)+")"
		}
		if many[i] && ordered(f.Type) {
			least, most = shown("min("+name+")", f.Type), shown("max("+name+")", f.Type)
		}
		if floating(f.Type) {
			mean = fmt.Sprintf("avg(CASE WHEN isfinite(%[1]s) THEN CAST(%[1]s AS DOUBLE) END)", name)
		} else if numeric(f.Type) {
			mean = "CAST(avg(" + name + ") AS DOUBLE)"
		}
		list = append(list, nulls, distinct, least, most, mean)
	}
	row, err := s.Row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+from)
	if err != nil {
		return nil, err
	}
	columns := make([]ColumnProfile, len(fields))
	for i, f := range fields {
		part := row[5*i+1 : 5*i+6]
		c := ColumnProfile{Name: f.Name, Type: f.Type, TopValues: []TopValue{}, Min: f.Value(part[2]), Max: f.Value(part[3])}
		c.Nulls, _ = part[0].(int64)
		c.Distinct, _ = part[1].(int64)
		if mean, ok := part[4].(float64); ok && !math.IsNaN(mean) && !math.IsInf(mean, 0) {
			c.Mean = &mean
		}
		columns[i] = c
	}
	return columns, nil
}

// frequent finds the most frequent values and, if that is cheap, the exact number of distinct values. It then keeps them in
// a file, unless its name is empty. many tells that the column has been summarized, with an estimate.
func frequent(ctx context.Context, s *engine.Session, from, file string, f engine.Field, c *ColumnProfile, rows int64, many bool) (kept bool, err error) {
	name := comparable(f)
	where := name + " IS NOT NULL"
	if many {
		values := rows - c.Nulls
		unique := c.Distinct > values/2 // few values repeat
		if c.DistinctApproximate = c.Distinct > exactDistinct || c.Distinct > fewDistinct && unique; c.DistinctApproximate {
			c.Distinct = min(c.Distinct, values)
			if unique || !ordered(f.Type) {
				return false, nil
			}
			where = fmt.Sprintf("%s IN (SELECT unnest(approx_top_k(%s, %d)) FROM %s)", name, name, 5*topValues, from)
		}
	}
	if err := s.Exec(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE value_groups AS SELECT %s AS v, count(*) AS n FROM %s WHERE %s GROUP BY 1", name, from, where)); err != nil {
		return false, err
	}
	if !c.DistinctApproximate {
		if err := counted(ctx, s, f, c, rows); err != nil {
			return false, err
		}
	}
	if kept = file != "" && !c.DistinctApproximate; kept {
		if err := s.Exec(ctx, "COPY value_groups TO "+engine.Literal(file)+" (FORMAT parquet, COMPRESSION uncompressed)"); err != nil {
			return false, err
		}
	}
	query := fmt.Sprintf("SELECT %s, n FROM value_groups ORDER BY n DESC, v LIMIT %d", shown("v", f.Type), topValues)
	return kept, s.Each(ctx, query, func(row []any) error {
		n, _ := row[1].(int64)
		c.TopValues = append(c.TopValues, TopValue{Value: f.Value(row[0]), Count: n})
		return nil
	})
}

// counted fills in what the groups of all values of a column tell.
func counted(ctx context.Context, s *engine.Session, f engine.Field, c *ColumnProfile, rows int64) error {
	least, most := "NULL", "NULL"
	if ordered(f.Type) {
		least, most = shown("min(v)", f.Type), shown("max(v)", f.Type)
	}
	row, err := s.Row(ctx, fmt.Sprintf("SELECT count(*), CAST(coalesce(sum(n), 0) AS BIGINT), %s, %s FROM value_groups", least, most))
	if err != nil {
		return err
	}
	values, _ := row[1].(int64)
	c.Distinct, _ = row[0].(int64)
	c.Nulls, c.Min, c.Max = rows-values, f.Value(row[2]), f.Value(row[3])
	return nil
}

// comparable returns a column in a form that can be counted and grouped.
func comparable(f engine.Field) string {
	if ordered(f.Type) {
		return engine.Identifier(f.Name)
	}
	return "CAST(" + engine.Identifier(f.Name) + " AS VARCHAR)"
}

// shown cuts text to the length that a profile shows.
func shown(x, sqlType string) string {
	if sqlType == "VARCHAR" || !ordered(sqlType) {
		return fmt.Sprintf("left(%s, %d)", x, profileText)
	}
	return x
}

// ordered reports whether a type has a meaningful minimum and maximum.
func ordered(sqlType string) bool {
	return sqlType != "JSON" && sqlType != "BLOB" && sqlType != "VARIANT" && sqlType != "GEOMETRY" && !engine.Nested(sqlType)
}

func floating(sqlType string) bool { return sqlType == "DOUBLE" || sqlType == "FLOAT" }

func numeric(sqlType string) bool {
	return strings.HasSuffix(sqlType, "INT") || sqlType == "INTEGER" || strings.HasPrefix(sqlType, "DECIMAL")
}
