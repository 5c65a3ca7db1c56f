package quality

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"function/shared/ingest/reading"
)

// profiled is a column of a stored profile (ingest.ColumnProfile), with the digits of its numbers.
type profiled struct {
	Name                string
	Type                string
	Nulls               int64
	Distinct            int64
	DistinctApproximate bool `json:"distinct_approximate"`
	Min                 json.RawMessage
	Max                 json.RawMessage
	TopValues           []struct {
		Value json.RawMessage
		Count int64
	} `json:"top_values"`
}

// knownPatterns are suggested for text whose shown values all match.
var knownPatterns = []*regexp.Regexp{
	regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`),
	regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`),
	regexp.MustCompile(`^https?://\S+$`),
	regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`),
	regexp.MustCompile(`^[A-Z]{2}$`),
	regexp.MustCompile(`^[A-Z]{3}$`),
	regexp.MustCompile(`^[0-9]+$`),
}

const (
	fewValues  = 10 // a set is suggested for at most so many values, the number that a profile shows
	manyRows   = 20 // and so many rows for each
	shownChars = 256
)

// Suggest returns a contract that a table with this profile meets. Columns that have a value in every row are required.
// Rules that may be accidental only warn.
func Suggest(rows int64, profile []byte) (Contract, error) {
	var columns []profiled
	if err := json.Unmarshal(profile, &columns); err != nil {
		return Contract{}, fmt.Errorf("decode profile: %w", err)
	}
	c := Contract{Compatibility: "backward", Schema: []ContractColumn{}, Rules: []Rule{}}
	if rows == 0 {
		c.Compatibility = "none"
		return c, nil
	}
	for _, p := range columns {
		sqlType := canonical(p.Type)
		if sqlType == "FLOAT" {
			sqlType = "REAL"
		}
		if _, ok := reading.SQLType(sqlType); ok {
			c.Schema = append(c.Schema, ContractColumn{Name: p.Name, Type: sqlType, Required: p.Nulls == 0})
		} else if p.Nulls == 0 {
			c.Rules = append(c.Rules, Rule{Kind: "not_null", Severity: Block, Column: p.Name})
		}
		values := rows - p.Nulls
		if values == 0 {
			continue
		}
		if rows > 1 && !p.DistinctApproximate && p.Distinct == values {
			c.Rules = append(c.Rules, Rule{Kind: "unique", Severity: Block, Column: p.Name})
			if len(c.Key) == 0 && p.Nulls == 0 {
				c.Key = []string{p.Name}
			}
		}
		c.Rules = append(c.Rules, p.rules(values)...)
	}
	for i := range c.Rules {
		if err := c.Rules[i].check(fmt.Sprintf("body.rules[%d]", i)); err != nil {
			return Contract{}, fmt.Errorf("suggest a rule: %w", err)
		}
	}
	return c, nil
}

// rules suggests rules by the values of a column.
func (p profiled) rules(values int64) (rules []Rule) {
	if numeric(p.Type) || temporal(p.Type) {
		low, high := bound(p.Min, p.Type), bound(p.Max, p.Type)
		if low != nil && high != nil {
			rules = append(rules, Rule{Kind: "range", Severity: Warn, Column: p.Name, Min: low, Max: high})
		}
	}
	if p.Type != "VARCHAR" {
		return rules
	}
	var set []Value
	var texts []string
	var count int64
	for _, top := range p.TopValues {
		var text string
		if json.Unmarshal(top.Value, &text) != nil || len([]rune(text)) >= shownChars || strings.ContainsRune(text, 0) {
			return rules
		}
		set, texts, count = append(set, Value{top.Value}), append(texts, text), count+top.Count
	}
	switch {
	case len(set) > 0 && len(set) <= fewValues && count == values && values >= manyRows*int64(len(set)):
		return append(rules, Rule{Kind: "set", Severity: Warn, Column: p.Name, Values: set})
	case count == values: // a pattern can be claimed only of values that the profile shows
		for _, pattern := range knownPatterns {
			if all(texts, pattern) {
				return append(rules, Rule{Kind: "pattern", Severity: Warn, Column: p.Name, Pattern: pattern.String()})
			}
		}
	}
	return rules
}

func all(texts []string, pattern *regexp.Regexp) bool {
	for _, text := range texts {
		if !pattern.MatchString(text) {
			return false
		}
	}
	return len(texts) > 0
}

// bound returns the least or greatest value of a profile as the bound of a rule. A profile has wide numbers as strings.
func bound(value json.RawMessage, sqlType string) *Value {
	if len(value) == 0 || string(value) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return &Value{value}
	}
	if !numeric(sqlType) {
		if strings.Contains(text, "infinity") {
			return nil
		}
		return &Value{value}
	}
	if !jsonNumber.MatchString(text) {
		return nil // infinite, or not a number
	}
	return &Value{json.RawMessage(text)}
}
