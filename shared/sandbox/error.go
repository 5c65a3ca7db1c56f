package sandbox

import "fmt"

// Reason classifies what is wrong with a query.
type Reason string

// Reasons of an Error.
const (
	Syntax       Reason = "syntax"        // the SQL does not parse, or is not exactly one statement
	NotAllowed   Reason = "not_allowed"   // the statement is not a SELECT, or uses something that the sandbox withholds
	UnknownTable Reason = "unknown_table" // the statement names a table that the caller did not pass
	Runtime      Reason = "runtime"       // unknown columns, type mismatches, failing casts, invalid parameters
	Timeout      Reason = "timeout"       // the query took longer than Limits.Timeout
	Memory       Reason = "memory"        // the query needed more than Limits.Memory
)

// Error is a fault of the SQL. Detail and Hint are sentences for its author and reveal nothing about the host.
type Error struct {
	Reason   Reason
	Detail   string
	Table    string // the unknown table
	Position int    // 1-based character in the SQL; 0 if unknown
	Hint     string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }
