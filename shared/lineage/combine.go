package lineage

import "slices"

// join is a join of two relations, also with a correlated subquery. A join that only marks or extends the rows of the
// left side determines nothing else than the column or columns that it adds.
func (w *walk) join(n node) relation {
	if len(n.children) != 2 || n.members["delim_flipped"] == true {
		return w.give(n)
	}
	left := w.operator(n.children[0])
	if n.kind == "LOGICAL_DELIM_JOIN" {
		w.outer = append(w.outer, relation{columns: w.values(n, "duplicate_eliminated_columns", left), rows: left.rows})
	}
	right := w.operator(n.children[1])
	if n.kind == "LOGICAL_DELIM_JOIN" {
		w.outer = w.outer[:len(w.outer)-1]
	}
	both := left.plus(right.columns, right.rest)
	both.rows = union(left.rows, right.rows)
	matched := w.conditions(n, left, right, both)
	kind, _ := n.members["join_type"].(string)
	left.columns, right.columns = left.pick(n.positions("left_projection_map")), right.pick(n.positions("right_projection_map"))
	rows := union(both.rows, matched.influencing(join))
	switch kind {
	case "MARK":
		mark := union(matched.through(transformation), right.rows)
		w.bind(n.index("mark_index"), []set{mark})
		return left.plus([]set{mark}, nil)
	case "SINGLE":
		right = right.with(union(matched.influencing(join), right.rows))
		return left.plus(right.columns, right.rest)
	case "SEMI", "ANTI":
		return relation{left.columns, left.rest, rows}
	case "RIGHT_SEMI", "RIGHT_ANTI":
		return relation{right.columns, right.rest, rows}
	case "", "INNER", "LEFT", "RIGHT", "OUTER", "FULL":
		both = left.plus(right.columns, right.rest)
		return relation{both.columns, both.rest, rows}
	}
	return unknown(left, right, relation{rows: matched})
}

// conditions returns the inputs of a join's conditions, whose sides refer to the columns of their own side.
func (w *walk) conditions(n node, left, right, both relation) set {
	found := union(w.all(n.members["condition"], both), w.all(n.members["predicate"], both), w.all(n.members["expressions"], both))
	conditions, _ := n.members["conditions"].([]any)
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		found = union(found, w.all(c["left"], left), w.all(c["right"], right))
		for member, value := range c {
			if member != "left" && member != "right" {
				found = union(found, w.all(value, both))
			}
		}
	}
	return found
}

// give returns the relation of an operator that is not understood.
func (w *walk) give(n node) relation {
	var children []relation
	for _, c := range n.children {
		children = append(children, w.operator(c))
	}
	return unknown(children...)
}

// eliminated is the relation of the columns of the outer query that a correlated subquery reads.
func (w *walk) eliminated(n node) relation {
	types, _ := n.members["chunk_types"].([]any)
	if i := len(w.outer) - 1; i >= 0 && len(w.outer[i].columns) == len(types) {
		w.bind(n.index("table_index"), w.outer[i].columns)
		return w.outer[i]
	}
	return unknown(append(slices.Clone(w.outer), w.allTables())...)
}

func (w *walk) cte(n node) relation {
	if len(n.children) != 2 {
		return w.give(n)
	}
	w.ctes[n.index("table_index")] = w.operator(n.children[0])
	return w.operator(n.children[1])
}

// recursive repeats the recursive part until it adds no inputs.
func (w *walk) recursive(n node) relation {
	if len(n.children) != 2 {
		return w.give(n)
	}
	index, made := n.index("table_index"), w.operator(n.children[0])
	for {
		w.ctes[index] = made
		next := merged(made, w.operator(n.children[1]))
		if n.members["union_all"] != true || len(n.list("key_targets")) > 0 {
			next.rows = union(next.rows, union(next.columns...).influencing(groupBy))
		}
		if next.equal(made) {
			w.bind(index, made.columns)
			return made
		}
		made = next
	}
}

// merged has the inputs of the columns of several relations in the same places.
func merged(relations ...relation) relation {
	var made relation
	for _, r := range relations {
		made.rows = union(made.rows, r.rows)
		if r.rest != nil {
			made.rest = union(made.rest, r.rest)
		}
		for len(made.columns) < len(r.columns) {
			made.columns = append(made.columns, set{})
		}
	}
	for i := range made.columns {
		for _, r := range relations {
			made.columns[i] = union(made.columns[i], r.at(i))
		}
	}
	return made
}

func (w *walk) union(n node, children []relation) relation {
	made := merged(children...)
	w.bind(n.index("table_index"), made.columns)
	return made
}

// compare is the difference or the intersection of two relations: rows of the first that the others decide on.
func (w *walk) compare(n node, children []relation) relation {
	if len(children) == 0 {
		return unknown()
	}
	made := children[0]
	for _, c := range children {
		made.rows = union(made.rows, c.rows, union(everything([]relation{c})...).influencing(filter))
	}
	w.bind(n.index("table_index"), made.columns)
	return made
}

// reference is a use of a common table expression.
func (w *walk) reference(n node) relation {
	found, ok := w.ctes[n.index("cte_index")]
	if !ok {
		return w.allTables()
	}
	w.bind(n.index("table_index"), found.columns)
	return found
}
