// Package ingest turns uploaded CSV, JSON, Parquet, Avro, ORC and Arrow files into typed Parquet and profiles them. [Prepare]
// runs once for each upload.
//
// # Types
//
// A value read back from the Parquet copy is the value of the file. A column gets a narrower type than text only when
// every value of the whole file survives it:
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
// The options of package reading change these forms. Numbers with a decimal comma or grouped digits become DECIMAL
// instead of DOUBLE. Words for null are null in a column whose other values have a type, and remain in one of text.
//
// The columns of Parquet, Avro, ORC and Arrow files keep their types; the packages avrofile, orcfile and arrowfile list
// those of the last three.
//
// # Limits
//
// Files have at most 2,000 columns; lines and objects have at most 16 MiB. Preparing takes DuckDB's memory limit and,
// at worst, as much again. Scratch space holds rewritten text files and what DuckDB spills.
//
// Parquet copies are not encrypted: without its httpfs extension DuckDB writes Parquet Modular Encryption only with a
// random generator that it calls unsafe, and reads it 1.2 to 1.7 times slower.
package ingest

import (
	"function/shared/ingest/reading"
	"function/shared/ingest/sample"
	"function/shared/resultset"
)

// Revision changes whenever Prepare gives another table or profile for the same file than before.
const Revision = 1

// Formats that Prepare reads.
const (
	CSV     = "csv"     // RFC 4180 with any delimiter, the first row names the columns
	JSON    = "json"    // an array of objects or one object per line
	Parquet = "parquet" // rewritten whole, which validates every page
	Avro    = "avro"    // an object container file
	ORC     = "orc"     // Apache ORC
	Arrow   = "arrow"   // an IPC stream or file (Feather v2)
)

// Source is an uploaded file.
type Source struct {
	Path        string
	Format      string
	Compression string             // of package packed; empty: none
	Columns     []resultset.Column // declared schema; if empty, the types are inferred
	Expected    []resultset.Column // types of columns, where the file has them and nothing else types them
	Lenient     bool               // a column with values that do not fit Expected gets another type: see Profile.Misfits
	Reading     reading.Options    // how to read the file; without a header, columns are named column_1, column_2 …

	encoding string // of text, as found
}

// Options bound the work of Prepare.
type Options struct {
	Scratch  string                           // directory for temporary files; Prepare leaves only the files of the Profile there
	Memory   string                           // DuckDB's memory limit; if empty, 256MB, and 512MB above 1,000 columns
	Outline  bool                             // profile only the number of rows, and the names and types of columns
	Progress func(stage string, done float64) // called as stages advance, with the part of the whole that is done, 0 to 1; may be nil
	Values   []string                         // columns whose values are wanted, ignoring case: see Profile.Values
}

// Profile describes the rows of a prepared file.
type Profile struct {
	Rows     int64            `json:"rows"`
	Columns  []ColumnProfile  `json:"columns"`
	Detected reading.Detected `json:"-"`

	// Sample are rows of the table, in Parquet files that last as long as those of the table, or as Options.Scratch.
	Sample *sample.Sample `json:"-"`

	// Values has Parquet files in Options.Scratch with every distinct value v of a column that is not null, and the number
	// n of its rows. It has those of Options.Values that were profiled exactly; columns without order are left out.
	Values map[string]string `json:"-"`

	// Misfits has Parquet files in Options.Scratch with the positions n, from 0, of all rows whose value of a column does not
	// fit the type that a lenient source expects.
	Misfits map[string]string `json:"-"`
}

// ColumnProfile describes one column. Min, Max and the top values have the form that package resultset gives, with
// text cut to 256 characters. Columns without order (JSON, nested types) have no Min and Max. Distinct is exact up to
// about 500,000 distinct values, or 50,000 if most values are distinct; beyond, it may be an estimate (HyperLogLog, a few
// percent off), and DistinctApproximate is true then. The counts of TopValues are exact, but with such an estimate the
// choice of values is approximate.
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
