// Package orcfile turns ORC files into Parquet.
//
// # Types
//
//	boolean                        BOOLEAN
//	tinyint, smallint              TINYINT, SMALLINT
//	int, bigint                    INTEGER, BIGINT
//	float, double                  FLOAT, DOUBLE
//	string, varchar                VARCHAR
//	char                           VARCHAR, padded as in the file
//	binary, geometry, geography    BLOB
//	decimal                        DECIMAL; of Hive 0.11, with the greatest scale of its values
//	date                           DATE
//	timestamp                      TIMESTAMP, or TIMESTAMP_NS if a value needs nanoseconds
//	timestamp with local time zone TIMESTAMPTZ
//	array, map                     LIST, MAP
//	struct                         STRUCT; the columns, at the top
//	uniontype                      STRUCT(tag, field0, field1 …), of which the field of the tag is set
//
// A timestamp is the civil time that the writer saw in its own time zone. Dates and timestamps of the
// hybrid calendar, which Java writers use, keep their year, month and day.
//
// Package orc reads the container. Values are decoded straight into Arrow's builders.
package orcfile

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
	"function/shared/orc"
	"function/shared/orc/rle"
)

// Bounds of a row.
const (
	maxRow    = 16 << 20
	maxNested = 2 << 20 // values in the lists and maps of a row
)

// converter decodes rows into the columns of Parquet.
type converter struct {
	plan *plan
	out  *arrowparquet.Rows
	rows int64 // of the file so far
	size int64 // of the file so far
}

// Convert writes the rows of an ORC file to a new Parquet file. It calls read with the bytes read so
// far. A file that cannot be read gives an *invalid.Error.
func Convert(ctx context.Context, from, to string, read func(int64)) error {
	err := convert(ctx, from, to, read)
	if refused := orc.Error(""); errors.As(err, &refused) {
		return &invalid.Error{Detail: string(refused)}
	}
	return err
}

func convert(ctx context.Context, from, to string, read func(int64)) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("measure the uploaded file: %w", err)
	}
	file, err := orc.Open(f, info.Size())
	if err != nil {
		return err
	}
	if file.Rows > invalid.MaxRows {
		return invalid.TooLarge()
	}
	c := &converter{}
	if c.plan, err = newPlan(ctx, file); err != nil {
		return err
	}
	schema := arrow.NewSchema(c.plan.fields, nil)
	if c.out, err = arrowparquet.CreateRows(to, schema); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.out.Abort()
		}
	}()
	for i := range file.Stripes {
		if err := c.stripe(ctx, file, i); err != nil {
			return err
		}
		read(file.Stripes[i].End())
	}
	return c.out.Close()
}

// stripe reads the rows of stripe i.
func (c *converter) stripe(ctx context.Context, file *orc.File, i int) error {
	stripe, err := file.Stripe(i)
	if err != nil {
		return err
	}
	in := &source{Stripe: stripe, file: file}
	rows, err := c.plan.open(in)
	if err != nil {
		return err
	}
	for row := range stripe.Rows {
		if row%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		c.rows++
		if err := c.row(in, rows); err != nil {
			return wrongRow(err, c.rows, i+1)
		}
	}
	return nil
}

// wrongRow says in which row a value cannot be read or kept.
func wrongRow(err error, row int64, stripe int) error {
	var unkept flaw
	switch {
	case errors.As(err, &unkept):
		return &invalid.Error{Detail: fmt.Sprintf("Row %d, %s.", row, unkept)}
	case errors.Is(err, errShort), errors.Is(err, rle.ErrInvalid), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("row %d, in stripe %d, does not match the schema", row, stripe)
	}
	return err
}

func (c *converter) row(in *source, columns []reader) error {
	in.bytes, in.nested = maxRow, maxNested
	for i, read := range columns {
		err := read(c.out.Field(i))
		var unkept flaw
		if errors.As(err, &unkept) {
			return flaw(fmt.Sprintf("column %s: %s", fault.Excerpt(c.plan.fields[i].Name), unkept))
		}
		if err != nil {
			return err
		}
	}
	bytes, values := maxRow-in.bytes, c.plan.width+maxNested-in.nested
	if c.size += int64(bytes + 4*values); c.size > invalid.MaxBytes {
		return invalid.TooLarge()
	}
	return c.out.Added(values, bytes)
}

func damaged(format string, args ...any) error {
	return &invalid.Error{Detail: "The ORC file is truncated or damaged: " + fmt.Sprintf(format, args...) + "."}
}
