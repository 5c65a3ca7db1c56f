package version

import (
	"slices"

	"function/shared/fault"
)

// Main is the branch that queries read unless they name another one. Every data set has it.
const Main = "main"

// The operations that make a version from the newest ready version of its branch.
const (
	Replace = "replace" // the file's rows take the place of all rows
	Append  = "append"  // the file's rows follow the others
	Upsert  = "upsert"  // the file's rows take the place of those with the same key, or are added
	Delete  = "delete"  // the rows with the file's keys are removed
	Restore = "restore" // the rows of an older version become current again
	Merge   = "merge"   // the changes of another branch are applied
	Derive  = "derive"  // the rows are the result of a query over other data sets
)

// Change says what an uploaded file does to the rows of a branch.
type Change struct {
	Branch    string   `query:"branch" default:"main" pattern:"^[a-z][a-z0-9._-]{0,62}$" doc:"The branch that gets the version"`
	Operation string   `query:"operation" enum:"replace,append,upsert,delete" default:"replace" doc:"What happens to the rows that are there: replace removes them all; append keeps them; upsert replaces those with the same key as a row of the file; delete removes those with a key in the file"`
	Key       []string `query:"key,explode" maxItems:"16" doc:"For upsert and delete: a column that identifies a row; repeat it for a key of several columns"`
	Message   string   `query:"message" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"Why the version was made, for its history"`
}

// Check returns an error unless exactly the operations that need a key have one.
func (c *Change) Check() error {
	keyed := c.Operation == Upsert || c.Operation == Delete
	switch {
	case keyed && len(c.Key) == 0:
		return fault.At("query.key", "name the columns that identify a row, such as key=id")
	case !keyed && len(c.Key) > 0:
		return fault.At("query.key", "only upsert and delete use a key")
	case slices.Contains(c.Key, ""):
		return fault.At("query.key", "a column name is empty")
	}
	return nil
}

// dependent reports whether the operation changes the rows that are there, so that the versions
// before it on its branch must be finished first.
func dependent(operation string) bool {
	return operation == Append || operation == Upsert || operation == Delete || operation == Merge
}
