package lineage

import "encoding/json"

// expression is a bound expression of a plan, as DuckDB serializes it.
type expression map[string]any

// expressions returns the outermost expressions within a value.
func expressions(value any) (found []expression) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			found = append(found, expressions(v)...)
		}
	case map[string]any:
		if _, ok := value["expression_class"]; ok {
			return []expression{value}
		}
		for _, v := range value {
			found = append(found, expressions(v)...)
		}
	case expression:
		return []expression{value}
	}
	return found
}

func number(value any) (int, bool) {
	n, ok := value.(float64)
	if !ok || n < 0 || n > 1<<31 {
		return 0, value == nil // DuckDB leaves out zero
	}
	return int(n), true
}

// evaluate returns the inputs of an expression over the columns of a relation.
func (w *walk) evaluate(e expression, over relation) set {
	switch e["expression_class"] {
	case "BOUND_CONSTANT", "BOUND_PARAMETER":
		return nil
	case "BOUND_REF":
		if i, ok := number(e["index"]); ok {
			return over.at(i)
		}
		return over.anything()
	case "BOUND_COLUMN_REF":
		return w.column(e, over)
	case "BOUND_CASE":
		return w.cases(e, over)
	case "BOUND_FUNCTION": // a lambda's expression refers to its own parameters; what it captures is a child
		return w.all(e["children"], over).through(transformation)
	case "BOUND_AGGREGATE":
		return union(w.all(e["children"], over).through(aggregation),
			w.all(e["filter"], over).influencing(filter), w.all(e["order_bys"], over).influencing(sorting))
	case "BOUND_WINDOW":
		return w.windowed(e, over)
	case "BOUND_CAST", "BOUND_UNNEST", "BOUND_COMPARISON", "BOUND_CONJUNCTION", "BOUND_OPERATOR", "BOUND_BETWEEN":
		return w.inside(e, over).through(transformation)
	}
	return union(w.inside(e, over).through(transformation), over.anything())
}

// all returns the inputs of the expressions within a value.
func (w *walk) all(value any, over relation) set {
	found := set{}
	for _, e := range expressions(value) {
		found = union(found, w.evaluate(e, over))
	}
	return found
}

// inside returns the inputs of the expressions that an expression has.
func (w *walk) inside(e expression, over relation) set {
	found := set{}
	for name, value := range e {
		if name != "function_data" {
			found = union(found, w.all(value, over))
		}
	}
	return found
}

func (w *walk) cases(e expression, over relation) set {
	found := w.all(e["else_expr"], over)
	checks, _ := e["case_checks"].([]any)
	for _, check := range checks {
		check, _ := check.(map[string]any)
		found = union(found, w.all(check["when_expr"], over).influencing(conditional), w.all(check["then_expr"], over))
	}
	return found.through(transformation)
}

func (w *walk) windowed(e expression, over relation) set {
	by := transformation
	if e["type"] == "WINDOW_AGGREGATE" {
		by = aggregation
	}
	values := w.all(e["children"], over).through(by)
	for name, value := range e {
		switch name {
		case "children", "function_data":
		case "filter_expr":
			values = union(values, w.all(value, over).influencing(filter))
		default:
			values = union(values, w.all(value, over).influencing(window))
		}
	}
	return values
}

// binding identifies a column that an operator makes.
type binding struct{ table, column int }

// column returns the inputs of a column that an expression names by its binding.
func (w *walk) column(e expression, over relation) set {
	at, _ := e["binding"].(map[string]any)
	table, ok := number(at["table_index"])
	column, also := number(at["column_index"])
	if found, known := w.bindings[binding{table, column}]; ok && also && known {
		return found
	}
	return over.anything()
}

// node is an operator of a plan with everything that DuckDB writes about it.
type node struct {
	kind     string
	children []node
	members  map[string]any
}

func (n *node) UnmarshalJSON(text []byte) error {
	var known struct {
		Type     string
		Children []node
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return err
	}
	n.kind, n.children = known.Type, known.Children
	if err := json.Unmarshal(text, &n.members); err != nil {
		return err
	}
	delete(n.members, "children")
	return nil
}

// index returns the table index that begins the bindings of the operator's columns.
func (n node) index(member string) int {
	if i, ok := number(n.members[member]); ok {
		return i
	}
	return -1
}

// list returns a list of expressions, in order.
func (n node) list(member string) (found []expression) {
	values, _ := n.members[member].([]any)
	for _, v := range values {
		found = append(found, expressions(v)...)
	}
	return found
}

// positions returns a list of numbers of columns.
func (n node) positions(member string) (found []int) {
	values, _ := n.members[member].([]any)
	for _, v := range values {
		if p, ok := number(v); ok {
			found = append(found, p)
		} else {
			found = append(found, -1)
		}
	}
	return found
}
