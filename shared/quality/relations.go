package quality

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/sandbox"
)

// unique counts the rows whose values others have, too. Rows with a null are not compared.
func (c *checker) unique(ctx context.Context, r *Rule, result *Result, columns []engine.Field) error {
	var names, present, same []string
	for _, f := range columns {
		name := engine.Identifier(f.Name)
		names, present = append(names, name), append(present, name+" IS NOT NULL")
		same = append(same, "d."+name+" = t."+name)
	}
	list, where := strings.Join(names, ", "), strings.Join(present, " AND ")
	if values, err := c.allDiffer(ctx, columns); err != nil || values > 0 {
		result.Checked = values
		c.decide(r, result)
		return err
	}
	groups, n := fmt.Sprintf("(SELECT %s, count(*) AS n FROM this WHERE %s GROUP BY %s)", list, where, list), "n"
	if v, known := c.values(columns); known {
		groups, n = v.from, v.n
	}
	row, err := c.Row(ctx, fmt.Sprintf("SELECT CAST(coalesce(sum(%[1]s), 0) AS BIGINT), CAST(coalesce(sum(%[1]s) FILTER (%[1]s > 1), 0) AS BIGINT) FROM %[2]s", n, groups))
	if err != nil {
		return err
	}
	result.Checked, result.Failed = integer(row[0]), integer(row[1])
	c.decide(r, result)
	if result.Status != Failed {
		return nil
	}
	view := fmt.Sprintf("duplicates_%d", len(c.failing))
	err = c.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT %s FROM %s WHERE %s > 1", view, list, groups, n))
	c.failing = append(c.failing, c.rowsOf(r, "this t", fmt.Sprintf("EXISTS (SELECT 1 FROM %s d WHERE %s)", view, strings.Join(same, " AND "))))
	return err
}

// maxBits bounds the bit string of allDiffer: 16 MiB for each thread.
const maxBits = 1 << 27

// allDiffer returns the number of values of a column of integers if a string with a bit for each possible value between the
// least and the greatest shows that they all differ. It returns zero if they do not, or the range is too wide.
func (c *checker) allDiffer(ctx context.Context, columns []engine.Field) (int64, error) {
	if _, known := c.values(columns); known || len(columns) != 1 || !strings.HasSuffix(strings.TrimPrefix(columns[0].Type, "U"), "INT") && columns[0].Type != "INTEGER" && columns[0].Type != "UINTEGER" {
		return 0, nil
	}
	x := engine.Identifier(columns[0].Name)
	row, err := c.Row(ctx, fmt.Sprintf("SELECT count(%[1]s), CAST(min(%[1]s) AS VARCHAR), CAST(max(%[1]s) AS VARCHAR), CAST(max(%[1]s) AS DOUBLE) - CAST(min(%[1]s) AS DOUBLE) FROM this", x))
	if err != nil {
		return 0, err
	}
	values, width := integer(row[0]), row[3]
	if wide, ok := width.(float64); !ok || wide > maxBits || wide > 16*float64(values) {
		return 0, nil
	}
	bits, err := c.count(ctx, fmt.Sprintf("SELECT bit_count(bitstring_agg(%s, %s, %s)) FROM this", x, row[1], row[2]))
	if err != nil || bits != values {
		return 0, err
	}
	return values, nil
}

// foreignKey counts the rows whose value another data set does not have.
func (c *checker) foreignKey(ctx context.Context, r *Rule, result *Result, f engine.Field) error {
	files := c.in.References[r.Reference.Dataset]
	if len(files) == 0 {
		return problemf("There is no data set %s with a ready version.", fault.Excerpt(r.Reference.Dataset))
	}
	from := engine.Parquet(files...)
	fields, err := c.Fields(ctx, from)
	if err != nil {
		return err
	}
	var other engine.Field
	for _, candidate := range fields {
		if strings.EqualFold(candidate.Name, r.Reference.Column) {
			other = candidate
		}
	}
	switch {
	case other.Name == "":
		return problemf("The data set %s has no column %s.", fault.Excerpt(r.Reference.Dataset), fault.Excerpt(r.Reference.Column))
	case other.Type != f.Type && (!numeric(other.Type) || !numeric(f.Type)):
		return problemf("Values of type %s cannot be compared with those of type %s.", f.Type, other.Type)
	}
	table := fmt.Sprintf("keys_%d", len(c.failing))
	y, x := engine.Identifier(other.Name), engine.Identifier(f.Name)
	if err := c.Exec(ctx, fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT DISTINCT %s AS k FROM %s WHERE %s IS NOT NULL", table, y, from, y)); err != nil {
		return err
	}
	known, err := c.count(ctx, "SELECT count(*) FROM "+table)
	if err != nil {
		return err
	}
	if known == 0 {
		return problemf("The column %s of the data set %s has no values.", fault.Excerpt(other.Name), fault.Excerpt(r.Reference.Dataset))
	}
	fails := fmt.Sprintf("t.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s d WHERE d.k = t.%s)", x, table, x)
	row, err := c.Row(ctx, fmt.Sprintf("SELECT (SELECT count(%s) FROM this), (SELECT count(*) FROM this t WHERE %s)", x, fails))
	if err != nil {
		return err
	}
	result.Checked, result.Failed = integer(row[0]), integer(row[1])
	if c.decide(r, result); result.Status == Failed {
		c.failing = append(c.failing, c.rowsOf(r, "this t", fails))
	}
	return nil
}

// freshness compares the newest value with the time of the check. Infinite times count for nothing.
func (c *checker) freshness(ctx context.Context, r *Rule, result *Result, f engine.Field) error {
	if !temporal(f.Type) {
		return problemf("The column %s is of type %s: only dates and times have an age.", fault.Excerpt(f.Name), f.Type)
	}
	x := engine.Identifier(f.Name)
	row, err := c.Row(ctx, fmt.Sprintf("SELECT count(*) FILTER (isfinite(%[1]s)), max(epoch(%[1]s)) FILTER (isfinite(%[1]s)) FROM this", x))
	if err != nil {
		return err
	}
	result.Checked = integer(row[0])
	newest, _ := row[1].(float64)
	if result.Checked == 0 {
		c.decide(r, result)
		return nil
	}
	age := float64(c.in.At.UnixMicro())/1e6 - newest
	result.Measured = &age
	at := time.UnixMicro(int64(newest * 1e6)).UTC().Format(time.RFC3339)
	allowed, _ := duration(r.Within)
	if result.Status = Passed; age > allowed.Seconds() {
		result.Status = Failed
	}
	result.Sentence = fmt.Sprintf("The newest value of %s is of %s; the rule %s allows an age of %s.", fault.Excerpt(f.Name), at, fault.Excerpt(r.Name), r.Within)
	return nil
}

// schema reports the columns with values that do not have the type of the schema, as failed rules.
func (c *checker) schema(ctx context.Context) error {
	for _, column := range c.contract.Schema {
		found, err := c.resolve([]string{column.Name})
		if err != nil || c.in.Misfits[found[0].Name] == "" {
			continue // a missing column is not a matter of rows
		}
		file := engine.Parquet(c.in.Misfits[found[0].Name])
		r := Rule{Name: "schema_" + column.Name, Kind: "type", Severity: Block, Column: column.Name, Type: column.Type}
		result := Result{Rule: r.Name, Kind: Schema, Severity: r.Severity, Weight: r.weight()}
		if result.Failed, err = c.count(ctx, "SELECT count(*) FROM "+file); err != nil {
			return err
		}
		if result.Checked, err = c.count(ctx, "SELECT count("+engine.Identifier(found[0].Name)+") FROM this"); err != nil {
			return err
		}
		result.Status, result.Sentence = Failed, fmt.Sprintf("%d of %d values of %s are not of the type %s.", result.Failed, result.Checked, fault.Excerpt(column.Name), column.Type)
		c.results = append(c.results, result)
		c.failing = append(c.failing, c.rowsOf(&r, "(SELECT *, row_number() OVER () - 1 AS "+positions+" FROM this) t", "t."+positions+" IN (SELECT n FROM "+file+")"))
	}
	return nil
}

// positions names the positions of rows. No column has this name, because names have no control characters.
const positions = "\"\x01position\""

// sqlTimeout bounds a rule with SQL.
const sqlTimeout = time.Minute

// sql runs a rule's own SQL in the sandbox, over the table this.
func (c *checker) sql(ctx context.Context, r *Rule, result *Result) error {
	tables := []sandbox.Table{{Name: "this", Paths: c.in.Files}}
	limits := sandbox.Limits{Timeout: min(sqlTimeout, c.opts.Timeout)}
	result.Checked = c.rows
	query := r.Query
	if r.Expression != "" {
		set, err := sandbox.Query(ctx, tables, "SELECT CAST(count(CAST((\n"+r.Expression+"\n) AS BOOLEAN)) AS VARCHAR) FROM this", nil, limits)
		if err != nil {
			return ofSandbox(err)
		}
		if _, err := fmt.Sscan(fmt.Sprint(set.Rows[0][0]), &result.Checked); err != nil {
			return fmt.Errorf("read the number of rows: %w", err)
		}
		query = "SELECT * FROM this WHERE NOT CAST((\n" + r.Expression + "\n) AS BOOLEAN)"
	}
	if result.Checked == 0 {
		c.decide(r, result)
		return nil
	}
	c.files++
	file := filepath.Join(c.opts.Scratch, fmt.Sprintf("sql-%d.parquet", c.files))
	if err := sandbox.Write(ctx, tables, query, sandbox.Output{Path: file, Scratch: c.opts.Scratch}, limits); err != nil {
		return ofSandbox(err)
	}
	from := engine.Parquet(file)
	fields, err := c.Fields(ctx, from)
	if err != nil {
		return err
	}
	for _, f := range c.columns {
		if !hasColumn(fields, f) {
			return problemf("Its query does not return the column %s as it is: begin it with SELECT this.* FROM this.", fault.Excerpt(f.Name))
		}
	}
	if result.Failed, err = c.count(ctx, "SELECT count(*) FROM "+from); err != nil {
		return err
	}
	if c.decide(r, result); result.Status == Failed {
		c.failing = append(c.failing, c.rowsOf(r, from+" t", "true"))
	}
	return nil
}

func hasColumn(fields []engine.Field, want engine.Field) bool {
	for _, f := range fields {
		if f.Name == want.Name && f.Type == want.Type {
			return true
		}
	}
	return false
}

func ofSandbox(err error) error {
	var e *sandbox.Error
	if errors.As(err, &e) {
		return problem(e.Detail)
	}
	return err
}
