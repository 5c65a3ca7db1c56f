package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	exactDistinct = 50_000 // up to this many distinct values they are all counted
	profileText   = 256    // characters of a text that a profile shows
	topValues     = 10
	profileBatch  = 20 // columns that one scan profiles
)

// profile describes a prepared file.
func (s *session) profile(ctx context.Context, path string) (*Profile, error) {
	from := "read_parquet(" + literal(path) + ", hive_partitioning = false)"
	fields, err := s.fields(ctx, from)
	if err != nil {
		return nil, err
	}
	row, err := s.row(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return nil, err
	}
	p := &Profile{Columns: make([]ColumnProfile, 0, len(fields))}
	p.Rows, _ = row[0].(int64)
	for batch := range slices.Chunk(fields, profileBatch) {
		columns, err := s.summarize(ctx, from, batch)
		if err != nil {
			return nil, err
		}
		for i := range columns {
			columns[i].Nulls = p.Rows - columns[i].Nulls
			if err := s.frequent(ctx, from, batch[i], &columns[i], p.Rows); err != nil {
				return nil, err
			}
		}
		p.Columns = append(p.Columns, columns...)
	}
	return p, nil
}

// summarize profiles columns in one scan; Nulls is still the number of values.
func (s *session) summarize(ctx context.Context, from string, fields []field) ([]ColumnProfile, error) {
	var list []string
	for _, f := range fields {
		name := identifier(f.Name)
		least, most, mean := "NULL", "NULL", "NULL"
		if ordered(f.Type) {
			least, most = shown("min("+name+")", f.Type), shown("max("+name+")", f.Type)
		}
		if floating(f.Type) {
			mean = fmt.Sprintf("avg(CASE WHEN isfinite(%[1]s) THEN CAST(%[1]s AS DOUBLE) END)", name)
		} else if numeric(f.Type) {
			mean = "CAST(avg(" + name + ") AS DOUBLE)"
		}
		list = append(list, "count("+name+")", "approx_count_distinct("+comparable(f)+")", least, most, mean)
	}
	row, err := s.row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+from)
	if err != nil {
		return nil, err
	}
	columns := make([]ColumnProfile, len(fields))
	for i, f := range fields {
		part := row[5*i : 5*i+5]
		c := ColumnProfile{Name: f.Name, Type: f.Type, TopValues: []TopValue{}, Min: f.value(part[2]), Max: f.value(part[3])}
		c.Nulls, _ = part[0].(int64)
		c.Distinct, _ = part[1].(int64)
		if mean, ok := part[4].(float64); ok && !math.IsNaN(mean) && !math.IsInf(mean, 0) {
			c.Mean = &mean
		}
		columns[i] = c
	}
	return columns, nil
}

// frequent finds the most frequent values and, where that is cheap, the exact number of distinct ones.
func (s *session) frequent(ctx context.Context, from string, f field, c *ColumnProfile, rows int64) error {
	name, values := comparable(f), rows-c.Nulls
	where := name + " IS NOT NULL"
	if c.DistinctApproximate = c.Distinct > exactDistinct; c.DistinctApproximate {
		c.Distinct = min(c.Distinct, values)
		if c.Distinct > values/2 || !ordered(f.Type) {
			return nil // hardly any value repeats
		}
		where = fmt.Sprintf("%s IN (SELECT unnest(approx_top_k(%s, %d)) FROM %s)", name, name, 5*topValues, from)
	}
	query := fmt.Sprintf("SELECT %s, n, distinct_values FROM (SELECT %s AS v, count(*) AS n, count(*) OVER () AS distinct_values FROM %s WHERE %s GROUP BY 1)"+
		" ORDER BY n DESC, v LIMIT %d", shown("v", f.Type), name, from, where, topValues)
	return s.each(ctx, query, func(row []any) error {
		n, _ := row[1].(int64)
		if !c.DistinctApproximate {
			c.Distinct, _ = row[2].(int64)
		}
		c.TopValues = append(c.TopValues, TopValue{Value: f.value(row[0]), Count: n})
		return nil
	})
}

// comparable is a column in a form that can be counted and grouped.
func comparable(f field) string {
	if ordered(f.Type) {
		return identifier(f.Name)
	}
	return "CAST(" + identifier(f.Name) + " AS VARCHAR)"
}

// shown cuts text to what a profile shows.
func shown(x, sqlType string) string {
	if sqlType == "VARCHAR" || !ordered(sqlType) {
		return fmt.Sprintf("left(%s, %d)", x, profileText)
	}
	return x
}

// ordered tells whether minimum and maximum of a type mean something.
func ordered(sqlType string) bool {
	return sqlType != "JSON" && sqlType != "BLOB" && sqlType != "VARIANT" && sqlType != "GEOMETRY" && !nested(sqlType)
}

func floating(sqlType string) bool { return sqlType == "DOUBLE" || sqlType == "FLOAT" }

func numeric(sqlType string) bool {
	return strings.HasSuffix(sqlType, "INT") || sqlType == "INTEGER" || strings.HasPrefix(sqlType, "DECIMAL")
}
