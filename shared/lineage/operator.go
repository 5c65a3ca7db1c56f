package lineage

import "slices"

// walk finds the inputs of the operators of one plan.
type walk struct {
	tables   map[string][]string // columns by table
	ctes     map[int]relation    // by the index of the common table expression
	bindings map[binding]set
	outer    []relation // the duplicate-eliminated columns of the correlated joins around the operator
}

// allTables is the relation of a query that depends on every column in every way.
func (w *walk) allTables() relation {
	all := set{}
	for table, columns := range w.tables {
		for _, c := range columns {
			all[input{table, c}] = transformation
		}
	}
	return unknown(relation{rest: all})
}

// bind remembers the columns that an operator makes under a table index.
func (w *walk) bind(table int, columns []set) {
	for i, c := range columns {
		w.bindings[binding{table, i}] = c
	}
}

// operator returns the relation that an operator makes. Column references are positions among the children's columns.
func (w *walk) operator(n node) relation {
	switch n.kind {
	case "LOGICAL_DELIM_JOIN", "LOGICAL_COMPARISON_JOIN", "LOGICAL_ASOF_JOIN", "LOGICAL_ANY_JOIN", "LOGICAL_CROSS_PRODUCT", "LOGICAL_POSITIONAL_JOIN":
		return w.join(n)
	case "LOGICAL_MATERIALIZED_CTE":
		return w.cte(n)
	case "LOGICAL_RECURSIVE_CTE":
		return w.recursive(n)
	case "LOGICAL_CTE_REF":
		return w.reference(n)
	case "LOGICAL_DELIM_GET":
		return w.eliminated(n)
	}
	var children []relation
	for _, c := range n.children {
		children = append(children, w.operator(c))
	}
	switch n.kind {
	case "LOGICAL_GET":
		return w.get(n, children)
	case "LOGICAL_UNION":
		return w.union(n, children)
	case "LOGICAL_EXCEPT", "LOGICAL_INTERSECT":
		return w.compare(n, children)
	case "LOGICAL_DUMMY_SCAN":
		return relation{columns: []set{{}}}
	case "LOGICAL_EMPTY_RESULT", "LOGICAL_CHUNK_GET":
		return relation{rest: set{}}
	}
	if len(children) != 1 {
		return unknown(children...)
	}
	child := children[0]
	switch n.kind {
	case "LOGICAL_PROJECTION":
		made := w.values(n, "expressions", child)
		w.bind(n.index("table_index"), made)
		return relation{columns: made, rows: child.rows}
	case "LOGICAL_FILTER":
		return relation{child.pick(n.positions("projection_map")), child.rest, union(child.rows, w.all(n.members["expressions"], child).influencing(filter))}
	case "LOGICAL_ORDER_BY", "LOGICAL_TOP_N":
		return relation{child.pick(n.positions("projections")), child.rest, union(child.rows, w.all(n.members["orders"], child).influencing(sorting))}
	case "LOGICAL_LIMIT":
		limits := union(w.all(n.members["limit_val"], child), w.all(n.members["offset_val"], child))
		return relation{child.columns, child.rest, union(child.rows, limits.influencing(filter))}
	case "LOGICAL_SAMPLE":
		return child
	case "LOGICAL_DISTINCT":
		return relation{child.columns, child.rest, union(child.rows, w.all(n.members["distinct_targets"], child).influencing(groupBy),
			w.all(n.members["order_by"], child).influencing(sorting))}
	case "LOGICAL_AGGREGATE_AND_GROUP_BY":
		return w.aggregate(n, child)
	case "LOGICAL_WINDOW":
		made := w.values(n, "expressions", child)
		w.bind(n.index("window_index"), made)
		return child.plus(made, nil)
	case "LOGICAL_UNNEST":
		made := w.values(n, "expressions", child)
		w.bind(n.index("unnest_index"), made)
		child.rows = union(child.rows, union(made...).influencing(join))
		return child.plus(made, nil)
	case "LOGICAL_EXPRESSION_GET":
		return w.constants(n, child)
	}
	return unknown(child)
}

// values returns the inputs of a list of expressions.
func (w *walk) values(n node, member string, over relation) (made []set) {
	for _, e := range n.list(member) {
		made = append(made, w.evaluate(e, over))
	}
	return made
}

// get is a scan of a table, or a call of a table function, whose arguments may be columns of a child.
func (w *walk) get(n node, children []relation) relation {
	data, _ := n.members["function_data"].(map[string]any)
	table, _ := data["table"].(string)
	columns, known := w.tables[table]
	arguments := union(append([]set{}, everything(children)...)...)
	var scanned []set
	indexes, _ := n.members["column_indexes"].([]any)
	for _, index := range indexes {
		index, _ := index.(map[string]any)
		i, ok := number(index["index"])
		switch {
		case !known:
			scanned = append(scanned, arguments.through(transformation))
		case ok && i < len(columns):
			scanned = append(scanned, set{input{table, columns[i]}: identity})
		default:
			scanned = append(scanned, set{}) // the number of the row
		}
	}
	if indexes == nil {
		scanned = []set{arguments}
	}
	w.bind(n.index("table_index"), scanned)
	made := relation{columns: relation{columns: scanned}.pick(n.positions("projection_ids")), rows: arguments.influencing(join)}
	if len(children) == 1 {
		made.rows = union(made.rows, children[0].rows)
		for _, i := range n.positions("projected_input") {
			made.columns = append(made.columns[:len(made.columns):len(made.columns)], children[0].at(i))
		}
	}
	if pushed := expressions(n.members["table_filters"]); len(pushed) > 0 {
		made.rows = union(made.rows, relation{columns: scanned}.anything().influencing(filter))
	}
	return made
}

// everything returns all columns of relations.
func everything(relations []relation) (all []set) {
	for _, r := range relations {
		all = append(append(all, r.columns...), r.rest)
	}
	return all
}

// aggregate has the groups first, then the aggregates, then the results of GROUPING().
func (w *walk) aggregate(n node, child relation) relation {
	groups, aggregates := w.values(n, "groups", child), w.values(n, "expressions", child)
	w.bind(n.index("group_index"), groups)
	w.bind(n.index("aggregate_index"), aggregates)
	made := relation{columns: slices.Concat(groups, aggregates), rows: union(child.rows, union(groups...).influencing(groupBy))}
	functions, _ := n.members["grouping_functions"].([]any)
	for range functions {
		made.columns = append(made.columns, union(groups...).through(transformation))
	}
	return made
}

// constants has a column for each place in its lists of expressions.
func (w *walk) constants(n node, child relation) relation {
	var made []set
	rows, _ := n.members["expressions"].([]any)
	for _, row := range rows {
		for i, e := range expressions(row) {
			if i == len(made) {
				made = append(made, set{})
			}
			made[i] = union(made[i], w.evaluate(e, child))
		}
	}
	w.bind(n.index("table_index"), made)
	return relation{columns: made, rows: child.rows}
}
