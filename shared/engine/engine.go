// Package engine is DuckDB over the versions of data sets. Prepare turns an uploaded file into typed Parquet and
// runs once per upload; Query answers untrusted SQL over such Parquet files and runs on every analytics request.
//
// # Types
//
// A value read back from the Parquet copy is the value of the file. A column gets a narrower type than text only
// when every value of the whole file survives it:
//
//	BIGINT       canonical integers: no leading zero, plus sign or space
//	DOUBLE       JSON numbers (RFC 8259 §6) of at most 15 significant digits
//	DECIMAL      other JSON numbers without exponent, and wider integers, of up to 38 digits
//	BOOLEAN      true and false
//	DATE         2006-01-02
//	TIMESTAMP    ISO 8601 without zone, at most 6 digits of a second's fraction
//	TIMESTAMPTZ  the same with Z or an offset; the instant is kept, not the offset
//	JSON         JSON sources: objects, arrays, and columns of several kinds
//	VARCHAR      everything else, and columns without any value
//
// # Limits
//
// Files have at most 2,000 columns, lines and objects of at most 16 MiB. Preparing takes DuckDB's memory limit
// and about as much again at the worst; scratch space is for the rewritten form of JSON and for what DuckDB spills.
//
// DuckDB's memory limit covers tables, hash tables and sorts, not the values that an expression is just making for
// 2,048 rows. Functions that multiply their input are therefore bounded, but a contrived expression can still take
// several times Limits.Memory for a moment: the process itself should run under a memory limit.
//
// Parquet copies are not encrypted: without its httpfs extension DuckDB writes Parquet Modular Encryption only with
// a random generator that it calls unsafe, and reads it 1.2 to 1.7 times slower.
package engine

import (
	"fmt"
	"time"

	"function/shared/resultset"
)

// Formats that Prepare reads.
const (
	CSV     = "csv"     // RFC 4180 with any delimiter, the first row names the columns
	JSON    = "json"    // an array of objects or one object per line
	Parquet = "parquet" // rewritten whole, which proves every page of it
)

// Source is an uploaded file.
type Source struct {
	Path         string
	Format       string
	Columns      []resultset.Column // declared schema; empty: the types are inferred
	HeaderAbsent bool               // CSV: the first row is data, columns are named column_1, column_2 …
	Charset      string             // CSV and JSON: the declared encoding; empty: UTF-8, or UTF-16 with a byte order mark
}

// Options bound the work of Prepare.
type Options struct {
	Scratch  string                           // directory for what does not fit in memory; emptied by Prepare
	Memory   string                           // DuckDB's memory limit such as "256MB"; empty means that, and 512MB above 1,000 columns
	Progress func(stage string, done float64) // called as stages advance, done from 0 to 1 of the whole; may be nil
}

// Profile describes the rows of a prepared file.
type Profile struct {
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
}

// ColumnProfile describes one column. Min, Max and the top values follow the rules of package resultset, text cut
// to 256 characters; they are absent for columns without order (JSON, nested types). Distinct is exact up to about
// 50,000 distinct values and an estimate (HyperLogLog, a few percent off) beyond, as DistinctApproximate says. The
// counts of TopValues are exact; beyond that bound the values themselves are candidates found by approximation.
type ColumnProfile struct {
	Name                string     `json:"name"`
	Type                string     `json:"type"`
	Nulls               int64      `json:"nulls"`
	Distinct            int64      `json:"distinct"`
	DistinctApproximate bool       `json:"distinct_approximate"`
	Min                 any        `json:"min"`
	Max                 any        `json:"max"`
	Mean                *float64   `json:"mean"` // numeric columns only
	TopValues           []TopValue `json:"top_values"`
}

// TopValue is one of a column's ten most frequent values.
type TopValue struct {
	Value any   `json:"value"`
	Count int64 `json:"count"`
}

// InvalidError says why a file cannot be prepared, in a sentence for the person who uploaded it.
type InvalidError struct {
	Detail string
	Line   int64 // 1-based line of the file; 0 when not known
}

func (e *InvalidError) Error() string { return e.Detail }

// Table is a prepared file as queries see it.
type Table struct {
	Name string // matched without regard to the case of ASCII letters
	Path string // the Parquet file
}

// Limits bound one query. Zero values mean 10,000 rows, 16 MiB of JSON, 256MB, 30 seconds, and UTC.
type Limits struct {
	Rows     int
	Bytes    int64
	Memory   string
	Timeout  time.Duration
	TimeZone string // IANA name, of current_date, now() and casts from and to text
}

// Reason classifies what is wrong with a query.
type Reason string

// Reasons of a QueryError.
const (
	Syntax       Reason = "syntax"        // it does not parse, or has no or several statements
	NotAllowed   Reason = "not_allowed"   // it is no SELECT, or reaches for what the sandbox withholds
	UnknownTable Reason = "unknown_table" // it names a table that was not handed over
	Runtime      Reason = "runtime"       // unknown columns, types that do not match, failing casts, bad parameters
	Timeout      Reason = "timeout"       // it took longer than Limits.Timeout
	Memory       Reason = "memory"        // it needed more than Limits.Memory
)

// QueryError is a fault of the SQL. Detail and Hint are sentences for its author and show nothing of the host.
type QueryError struct {
	Reason   Reason
	Detail   string
	Table    string // the unknown table
	Position int    // 1-based character in the SQL; 0 when not known
	Hint     string
}

func (e *QueryError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }
