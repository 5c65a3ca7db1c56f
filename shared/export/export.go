// Package export converts the rows of Parquet files to other formats.
//
// # Types
//
// Values are carried exactly, or the export is refused before it begins. What a format cannot carry as the type
// that it has is carried as another type, which a note says:
//
//	type                    csv       json     parquet  avro           orc        arrow
//	BOOLEAN                 text      itself   itself   itself         itself     itself
//	TINYINT, SMALLINT       text      number   itself   INTEGER        itself     itself
//	INTEGER                 text      number   itself   itself         itself     itself
//	BIGINT                  text      number¹  itself   itself         itself     itself
//	UTINYINT, USMALLINT     text      number   itself   INTEGER        wider      itself
//	UINTEGER                text      number   itself   BIGINT         BIGINT     itself
//	UBIGINT                 text      number¹  itself   DECIMAL(20,0)  DECIMAL    itself
//	FLOAT, DOUBLE           text      number²  itself   itself         itself     itself
//	DECIMAL                 text      text     itself   itself         itself     itself
//	VARCHAR                 quoted    text     itself   itself         itself     itself
//	BLOB                    base64    base64   itself   itself         itself     itself
//	UUID                    text      text     itself   itself         text       itself
//	DATE                    text      text     itself   itself³        itself³    itself³
//	TIME                    text      text     itself   itself         text       itself
//	TIME WITH TIME ZONE     text      text     itself   text           text       text
//	TIMESTAMP, with zone    text      text     itself   itself³        itself³    itself³
//	TIMESTAMP_NS            text      text     itself   itself³        itself³    itself³
//	JSON                    text      itself   itself   text           text       text
//	INTERVAL                text      text     itself   text           text       text
//	LIST, STRUCT            JSON      itself   itself   itself         itself     itself
//	MAP                     JSON      object⁴  itself   itself⁴        itself     itself
//	VARIANT, GEOMETRY       text      text     itself   text           text       text
//
//	¹ text beyond ±(2^53−1)
//	² NaN and infinities as text
//	³ infinity is refused
//	⁴ JSON: keys that are not text become text; Avro: a map with such keys becomes a list of keys and values
//
// NULL is an unquoted empty field in CSV; texts are quoted, so that the empty text is "".
package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/engine"
)

// Formats of exports.
const (
	CSV     = "csv"
	JSON    = "json"   // an array of objects
	NDJSON  = "ndjson" // one object per line
	Parquet = "parquet"
	Avro    = "avro" // an object container file
	ORC     = "orc"
	Arrow   = "arrow" // an IPC stream
)

// mediaTypes are the media types of the formats.
var mediaTypes = map[string]string{
	CSV: "text/csv; charset=utf-8", JSON: "application/json", NDJSON: "application/x-ndjson",
	Parquet: "application/vnd.apache.parquet", Avro: "application/avro", ORC: "application/vnd.apache.orc", Arrow: "application/vnd.apache.arrow.stream",
}

// MediaType returns the media type of a format.
func MediaType(format string) string { return mediaTypes[format] }

// Table is a table that can be written in a format.
type Table struct {
	Notes  []string // what the format carries as another type, a sentence each
	format string
	fields []field
	files  []string

	complete string // the file in the format, if it is written already
}

// field is a column.
type field struct {
	name    string
	sqlType engine.Type
}

// sink writes batches of rows in a format.
type sink interface {
	Write(arrow.RecordBatch) error
	Close() error // ends a complete file
}

// Write writes all rows. Only if it returns nil is the output complete.
func (t *Table) Write(ctx context.Context, w io.Writer) error {
	if t.complete != "" {
		return copyFile(w, t.complete)
	}
	return t.each(ctx, func(schema *arrow.Schema) (sink, error) {
		switch t.format {
		case CSV:
			return newCSV(w, t.fields)
		case JSON, NDJSON:
			return newJSON(w, t.fields, t.format == JSON)
		case Avro:
			return newAvro(w, t.fields, schema)
		case Arrow:
			return newArrow(w, t.fields, schema), nil
		}
		return nil, fmt.Errorf("export: unknown format %q", t.format)
	})
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open a scratch file: %w", err)
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}
