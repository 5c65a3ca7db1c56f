package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
)

// rowsOf is a query for the rows of a relation t that fail a rule: the key, the other columns, the name of the rule, and
// the number of the version.
func (c *checker) rowsOf(r *Rule, from, where string) string {
	rule, version := c.added()
	columns := c.ordered()
	for i, name := range columns {
		columns[i] = "t." + engine.Identifier(name)
	}
	return fmt.Sprintf("SELECT %s, %s AS %s, %d AS %s FROM %s WHERE %s", strings.Join(columns, ", "), engine.Literal(r.Name), engine.Identifier(rule),
		c.in.Version, engine.Identifier(version), from, where)
}

// ordered lists the columns with those of the key first.
func (c *checker) ordered() []string {
	key := c.key()
	names := slices.Clone(key)
	for _, f := range c.columns {
		if !slices.Contains(key, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

// key lists the columns of the contract's key that there are.
func (c *checker) key() (names []string) {
	for _, name := range c.contract.Key {
		if found, err := c.resolve([]string{name}); err == nil && !slices.Contains(names, found[0].Name) {
			names = append(names, found[0].Name)
		}
	}
	return names
}

// added names the columns _rule and _version, with more underscores if the version has such columns.
func (c *checker) added() (rule, version string) {
	free := func(name string) string {
		for slices.ContainsFunc(c.columns, func(f engine.Field) bool { return strings.EqualFold(f.Name, name) }) {
			name = "_" + name
		}
		return name
	}
	return free("_rule"), free("_version")
}

// firstKeys is how many keys a result shows.
const firstKeys = 3

// write writes all failing rows, and reads the first keys.
func (c *checker) write(ctx context.Context, report *Report) (err error) {
	query := strings.Join(c.failing, " UNION ALL ")
	if err := c.Exec(ctx, "COPY ("+query+") TO "+engine.Literal(report.File)+" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"); err != nil {
		return err
	}
	from := engine.Parquet(report.File)
	if report.Rows, err = c.count(ctx, "SELECT count(*) FROM "+from); err != nil {
		return err
	}
	var failed int64
	for _, r := range report.Results {
		if r.Status == Failed {
			failed += r.Failed
		}
	}
	if failed != report.Rows {
		return fmt.Errorf("%d rows fail, but %d were written", failed, report.Rows)
	}
	key := c.key()
	if len(key) == 0 {
		return nil
	}
	var texts []string
	for _, name := range key {
		texts = append(texts, "CAST("+engine.Identifier(name)+" AS VARCHAR)")
	}
	rule, _ := c.added()
	ranked := fmt.Sprintf("SELECT %s AS r, %s, row_number() OVER (PARTITION BY %s) AS n FROM %s QUALIFY n <= %d", engine.Identifier(rule), strings.Join(texts, ", "), engine.Identifier(rule), from, firstKeys)
	return c.Each(ctx, ranked, func(row []any) error {
		i := slices.IndexFunc(report.Results, func(r Result) bool { return r.Rule == row[0] })
		var parts []string
		for n, name := range key {
			value := "null"
			if v, ok := row[n+1].(string); ok {
				value = fault.Excerpt(v)
			}
			parts = append(parts, fault.Excerpt(name)+" = "+value)
		}
		report.Results[i].FirstKeys = append(report.Results[i].FirstKeys, strings.Join(parts, ", "))
		return nil
	})
}
