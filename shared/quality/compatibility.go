package quality

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"function/shared/fault"
	"function/shared/ingest/reading"
	"function/shared/resultset"
)

// Misfits says which promised columns a table lacks, or has with another type. The text is empty if every column fits. It leaves
// out columns whose rows are known, which Check reports.
func (c *Contract) Misfits(columns []resultset.Column, known map[string]string) string {
	var missing, other []string
	for _, want := range c.Schema {
		i := slices.IndexFunc(columns, func(f resultset.Column) bool { return strings.EqualFold(f.Name, want.Name) })
		sqlType, _ := reading.SQLType(want.Type)
		switch {
		case i < 0 && want.Required:
			missing = append(missing, fault.Excerpt(want.Name))
		case i >= 0 && canonical(columns[i].Type) != sqlType && known[columns[i].Name] == "":
			other = append(other, fmt.Sprintf("%s is of type %s and not %s", fault.Excerpt(want.Name), columns[i].Type, want.Type))
		}
	}
	var sentences []string
	if len(missing) > 0 {
		sentences = append(sentences, "Columns that the contract requires are missing: "+strings.Join(missing, ", ")+".")
	}
	if len(other) > 0 {
		sentences = append(sentences, "Columns do not have the types of the contract: "+strings.Join(other, "; ")+".")
	}
	return strings.Join(sentences, " ")
}

// Expected lists the promised columns with their types.
func (c *Contract) Expected() (columns []resultset.Column) {
	for _, column := range c.Schema {
		columns = append(columns, resultset.Column{Name: column.Name, Type: column.Type})
	}
	return columns
}

// AllRules lists the rules, with those that follow from the schema.
func (c *Contract) AllRules() []Rule {
	rules := slices.Clone(c.Rules)
	for _, column := range c.Schema {
		if column.Required {
			rules = append(rules, Rule{Name: "required_" + column.Name, Kind: "not_null", Severity: Block, Column: column.Name})
		}
	}
	return rules
}

func canonical(sqlType string) string {
	if sqlType == "TIMESTAMP WITH TIME ZONE" {
		return "TIMESTAMPTZ"
	}
	return sqlType
}

// Compatible is the result of comparing the columns of a version with those of the version before.
func (c *Contract) Compatible(before, after []resultset.Column) Result {
	r := Result{Rule: "compatibility", Kind: "compatibility", Severity: Block, Weight: 1, Status: Passed, Checked: int64(len(after)),
		Sentence: fmt.Sprintf("The columns are %s compatible with the version before.", c.Compatibility)}
	if c.Compatibility == "full" {
		r.Sentence = "The columns are compatible with the version before in both directions."
	}
	backward, forward := c.Compatibility != "forward", c.Compatibility != "backward"
	var breaks []string
	for _, old := range before {
		i := slices.IndexFunc(after, func(f resultset.Column) bool { return strings.EqualFold(f.Name, old.Name) })
		switch {
		case i < 0 && forward:
			breaks = append(breaks, fmt.Sprintf("the column %s is gone", fault.Excerpt(old.Name)))
		case i >= 0 && backward && !widens(old.Type, after[i].Type), i >= 0 && forward && !widens(after[i].Type, old.Type):
			breaks = append(breaks, fmt.Sprintf("the column %s was of type %s and is now of type %s", fault.Excerpt(old.Name), old.Type, after[i].Type))
		}
	}
	for _, added := range after {
		known := slices.ContainsFunc(before, func(f resultset.Column) bool { return strings.EqualFold(f.Name, added.Name) })
		required := slices.ContainsFunc(c.Schema, func(s ContractColumn) bool { return s.Required && strings.EqualFold(s.Name, added.Name) })
		if !known && required && backward {
			breaks = append(breaks, fmt.Sprintf("the column %s is new and required", fault.Excerpt(added.Name)))
		}
	}
	if len(breaks) > 0 {
		r.Status, r.Failed = Failed, int64(len(breaks))
		r.Sentence = fmt.Sprintf("The columns are not compatible with the version before (%s): %s.", c.Compatibility, strings.Join(breaks, "; "))
	}
	return r
}

var decimalOf = regexp.MustCompile(`^DECIMAL\(([0-9]+),([0-9]+)\)$`)

// digits are the digits before and after the point that a type of exact numbers holds.
func digits(sqlType string) (whole, fraction int, ok bool) {
	if m := decimalOf.FindStringSubmatch(sqlType); m != nil {
		width, _ := strconv.Atoi(m[1])
		fraction, _ = strconv.Atoi(m[2])
		return width - fraction, fraction, true
	}
	whole, ok = map[string]int{"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 39}[sqlType]
	return whole, 0, ok
}

// widens reports whether every value of a type is one of another.
func widens(from, to string) bool {
	if from == to || from == "FLOAT" && to == "DOUBLE" || from == "DATE" && to == "TIMESTAMP" {
		return true
	}
	whole, fraction, ok := digits(from)
	if to == "DOUBLE" {
		return ok && whole+fraction <= 15
	}
	w, f, exact := digits(to)
	return ok && exact && w >= whole && f >= fraction
}
