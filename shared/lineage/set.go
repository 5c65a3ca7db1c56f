package lineage

// input is a column of a table.
type input struct{ table, column string }

// flows are the ways, as bits, in which an input determines something.
type flows uint16

const (
	identity flows = 1 << iota
	transformation
	aggregation
	join
	groupBy
	filter
	sorting
	window
	conditional

	direct   = identity | transformation | aggregation
	indirect = join | groupBy | filter | sorting | window | conditional
)

type flow struct{ kind, transformation string }

var names = []flow{
	{Direct, "IDENTITY"}, {Direct, "TRANSFORMATION"}, {Direct, "AGGREGATION"},
	{Indirect, "JOIN"}, {Indirect, "GROUP_BY"}, {Indirect, "FILTER"}, {Indirect, "SORT"}, {Indirect, "WINDOW"}, {Indirect, "CONDITIONAL"},
}

func (f flows) list() (all []flow) {
	for i, name := range names {
		if f&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return all
}

// set has the inputs that determine something.
type set map[input]flows

func union(sets ...set) set {
	all := set{}
	for _, s := range sets {
		for from, f := range s {
			all[from] |= f
		}
	}
	return all
}

// through returns the inputs of a value that is computed from this one: by transformation or aggregation.
func (s set) through(by flows) set {
	out := set{}
	for from, f := range s {
		switch {
		case f&direct == 0:
		case by == aggregation:
			f = f&indirect | aggregation
		case f&aggregation != 0:
			f = f&indirect | aggregation | f&transformation
		default:
			f = f&indirect | transformation
		}
		out[from] = f
	}
	return out
}

// influencing returns the inputs of what this value decides in a way, such as filter.
func (s set) influencing(by flows) set {
	out := set{}
	for from, f := range s {
		if f&direct != 0 {
			f = f&indirect | by
		}
		out[from] = f
	}
	return out
}

// relation has the inputs of the result of an operator.
type relation struct {
	columns []set
	rest    set // of any further column; nil: there are none
	rows    set // the inputs that decide which rows there are, and so determine every column
}

// at returns the inputs of a column, without those of the rows.
func (r relation) at(i int) set {
	switch {
	case i >= 0 && i < len(r.columns):
		return r.columns[i]
	case r.rest != nil:
		return r.rest
	}
	return r.anything()
}

// anything returns the inputs of something that may depend on the relation in every way.
func (r relation) anything() set {
	all := union(append(r.columns[:len(r.columns):len(r.columns)], r.rest, r.rows)...)
	for from := range all {
		all[from] |= transformation | conditional
	}
	return all
}

// unknown returns the relation of an operator of which only its inputs are known.
func unknown(children ...relation) relation {
	all := set{}
	for _, c := range children {
		all = union(all, c.anything())
	}
	return relation{rest: all, rows: all.influencing(conditional)}
}

// plus returns the relation with further columns. If not all columns of the relation are known, neither are the places
// of the further ones.
func (r relation) plus(columns []set, rest set) relation {
	if r.rest != nil {
		return relation{r.columns, union(append(columns[:len(columns):len(columns)], r.rest, rest)...), r.rows}
	}
	return relation{append(r.columns[:len(r.columns):len(r.columns)], columns...), rest, r.rows}
}

// with returns the relation whose columns also depend on other inputs.
func (r relation) with(more set) relation {
	columns := make([]set, len(r.columns))
	for i, c := range r.columns {
		columns[i] = union(c, more)
	}
	if r.rest != nil {
		r.rest = union(r.rest, more)
	}
	return relation{columns, r.rest, r.rows}
}

// pick returns some columns; no map means all of them.
func (r relation) pick(columns []int) []set {
	if len(columns) == 0 {
		return r.columns
	}
	picked := make([]set, len(columns))
	for i, c := range columns {
		picked[i] = r.at(c)
	}
	return picked
}

// equal reports whether two relations of the same operator have the same inputs.
func (r relation) equal(o relation) bool {
	if len(r.columns) != len(o.columns) || !same(r.rest, o.rest) || !same(r.rows, o.rows) {
		return false
	}
	for i := range r.columns {
		if !same(r.columns[i], o.columns[i]) {
			return false
		}
	}
	return true
}

func same(a, b set) bool {
	if len(a) != len(b) {
		return false
	}
	for from, f := range a {
		if b[from] != f {
			return false
		}
	}
	return true
}
