// Package avrofile turns Avro object container files into Parquet.
//
// # Types
//
//	null              VARCHAR, without values
//	boolean           BOOLEAN
//	int, long         INTEGER, BIGINT
//	float, double     FLOAT, DOUBLE
//	bytes, fixed      BLOB
//	string, enum      VARCHAR
//	array, map        LIST, MAP
//	record            STRUCT; the columns, at the top
//	[null, T]         T
//	other unions      STRUCT with a field for each type, named after it, of which one is set
//	decimal           DECIMAL, up to 38 digits
//	uuid              UUID
//	date, time-*      DATE, TIME
//	timestamp-*       TIMESTAMPTZ
//	local-timestamp-* TIMESTAMP, in nanoseconds TIMESTAMP_NS
//	duration          STRUCT(months, days, milliseconds)
//
// Recursive types are refused, and so are values out of the range of their type.
//
// github.com/twmb/avro parses the schema and decompresses blocks. Values are decoded here, straight into Arrow's
// builders: as generic Go values, a row with many small elements would take a large multiple of its encoded size.
package avrofile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/fault"
	"function/shared/ingest/arrowparquet"
	"function/shared/ingest/invalid"
)

// Magic begins an object container file.
const Magic = "Obj\x01"

// Bounds of a row.
const (
	maxRow    = 16 << 20
	maxNested = 2 << 20 // values in the arrays and maps of a row
)

// converter decodes rows into the columns of Parquet.
type converter struct {
	fields  []arrow.Field
	columns []value
	out     *arrowparquet.Rows
	width   int   // the columns of Parquet that a row fills
	rows    int64 // of the file so far
}

// Convert writes the rows of an Avro file to a new Parquet file. It calls read with the bytes read so far. A file that
// cannot be read gives an *invalid.Error.
func Convert(ctx context.Context, from, to string, read func(int64)) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	blocks, err := open(f)
	if err != nil {
		return err
	}
	defer blocks.close()
	c := &converter{}
	if c.fields, c.columns, err = plan(blocks.schema); err != nil {
		return err
	}
	least := 0
	for _, v := range c.columns {
		least, c.width = least+v.least, c.width+v.fields
	}
	if least == 0 {
		return &invalid.Error{Detail: "The Avro file has no column with values."}
	}
	schema := arrow.NewSchema(c.fields, nil)
	if c.out, err = arrowparquet.CreateRows(to, schema); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.out.Abort()
		}
	}()
	if err := c.convert(ctx, blocks, f, read); err != nil {
		return err
	}
	return c.out.Close()
}

func (c *converter) convert(ctx context.Context, blocks *container, f io.Seeker, read func(int64)) error {
	var size int64
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rows, data, err := blocks.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if size += int64(len(data)); size > invalid.MaxBytes || c.rows+rows > invalid.MaxRows {
			return invalid.TooLarge()
		}
		if rows > int64(len(data)) {
			return damaged("block %d has fewer bytes than rows", blocks.blocks)
		}
		cursor := &cursor{data: data}
		for range rows {
			if err := c.row(cursor, blocks.blocks); err != nil {
				return err
			}
		}
		if cursor.left() > 0 {
			return damaged("block %d has more data than rows", blocks.blocks)
		}
		if at, err := f.Seek(0, io.SeekCurrent); err == nil {
			read(at)
		}
	}
}

func (c *converter) row(in *cursor, block int64) error {
	c.rows++
	from := in.at
	in.nested = maxNested
	for i, column := range c.columns {
		err := column.read(in, c.out.Field(i))
		var unkept flaw
		switch {
		case errors.As(err, &unkept):
			return &invalid.Error{Detail: fmt.Sprintf("Row %d, column %s: %s.", c.rows, fault.Excerpt(c.fields[i].Name), unkept)}
		case err != nil:
			return damaged("row %d, in block %d, does not match the schema", c.rows, block)
		case in.at-from > maxRow:
			return &invalid.Error{Detail: fmt.Sprintf("Row %d is larger than %d MiB.", c.rows, maxRow>>20)}
		}
	}
	return c.out.Added(c.width+maxNested-in.nested, in.at-from)
}
