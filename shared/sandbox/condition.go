package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/resultset"
)

// CheckCondition returns an *Error unless the text is one BOOLEAN expression over the columns of a row, in the SQL that
// queries can use. It has no subqueries.
func CheckCondition(ctx context.Context, columns []resultset.Column, text string) error {
	s, err := openSandbox(ctx, nil, Limits{Memory: "64MB"})
	if err != nil {
		return err
	}
	defer replace(s)
	st, err := parse(ctx, s, "SELECT (\n"+text+"\n)")
	if err != nil {
		return err
	}
	if !st.isExpression() {
		return &Error{Reason: Syntax, Detail: "The condition is not a single expression.", Hint: "Write it as after WHERE, without subqueries."}
	}
	if _, err := st.check(nil); err != nil {
		return err
	}
	definitions := make([]string, len(columns))
	for i, c := range columns {
		definitions[i] = engine.Identifier(c.Name) + " " + c.Type
	}
	if err := s.Exec(ctx, "CREATE TABLE condition ("+strings.Join(definitions, ", ")+")"); err != nil {
		return err
	}
	fields, err := s.Fields(ctx, "(SELECT (\n"+text+"\n) AS met FROM condition WHERE (\n"+text+"\n))")
	if err != nil {
		return explain(err, Limits{})
	}
	if fields[0].Type != "BOOLEAN" {
		return &Error{Reason: Runtime, Detail: fmt.Sprintf("The condition is of the type %s, not BOOLEAN.", fault.Excerpt(fields[0].Type))}
	}
	return nil
}

// isExpression reports whether the statement is SELECT with one expression and nothing else.
func (st *statement) isExpression() bool {
	var parsed struct {
		Node struct {
			Type       string
			SelectList []json.RawMessage     `json:"select_list"`
			From       struct{ Type string } `json:"from_table"`
			Where      json.RawMessage       `json:"where_clause"`
			Groups     []json.RawMessage     `json:"group_expressions"`
			Having     json.RawMessage
			Qualify    json.RawMessage
			Sample     json.RawMessage
			Modifiers  []json.RawMessage
		}
	}
	if err := json.Unmarshal(st.tree, &parsed); err != nil {
		return false
	}
	n := parsed.Node
	absent := func(clause json.RawMessage) bool { return clause == nil || string(clause) == "null" }
	return n.Type == "SELECT_NODE" && len(n.SelectList) == 1 && (n.From.Type == "EMPTY" || n.From.Type == "EMPTY_FROM") &&
		absent(n.Where) && len(n.Groups) == 0 && absent(n.Having) && absent(n.Qualify) && absent(n.Sample) && len(n.Modifiers) == 0 &&
		!strings.Contains(string(st.tree), `"class":"SUBQUERY"`)
}
