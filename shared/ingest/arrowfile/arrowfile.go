// Package arrowfile turns Arrow IPC streams and files (Feather v2) into Parquet.
//
// # Types
//
//	null, not nested        VARCHAR, without values
//	bool                    BOOLEAN
//	int8 … uint64           TINYINT … UBIGINT
//	float16, float32        FLOAT
//	float64                 DOUBLE
//	decimal, up to 38 digits DECIMAL
//	utf8, utf8 view         VARCHAR
//	binary, binary view     BLOB
//	date                    DATE
//	time                    TIME
//	timestamp               TIMESTAMP, in nanoseconds TIMESTAMP_NS; with a time zone TIMESTAMPTZ
//	lists                   LIST
//	struct, map             STRUCT, MAP
//	dictionary, run ends    the type of the values
//	uuid                    UUID
//	other extensions        the type of the storage
//
// Unions, durations and intervals are refused, and so are values out of the range of their type.
//
// arrow-go decodes the messages and validates the arrays. Values are copied into batches of bounded size, because a
// dictionary or a view of a few bytes can stand for many values.
package arrowfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/fault"
	"function/shared/ingest/arrowparquet"
	"function/shared/ingest/invalid"
)

// Beginnings of files.
const (
	FileMagic   = "ARROW1"
	StreamMagic = "\xff\xff\xff\xff"
	OldMagic    = "FEA1" // Feather v1, which is another format
)

// Bounds of a row.
const (
	maxRow    = 16 << 20
	maxNested = 2 << 20 // values
)

// converter copies rows into the columns of Parquet.
type converter struct {
	fields  []arrow.Field
	columns []value
	out     *arrowparquet.Rows
	rows    int64 // of the file so far
	written int64 // bytes of values so far
	limits  *allocator
}

// size counts the values and the bytes of a row.
type size struct{ values, bytes int }

// Convert writes the rows of an Arrow file or stream to a new Parquet file. It calls read with the bytes read so far. A
// file that cannot be read gives an *invalid.Error.
func Convert(ctx context.Context, from, to string, read func(int64)) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	defer func() {
		if cause := recover(); cause != nil { // of arrow-go, which does not check all of the metadata
			err = recovered(cause)
		}
	}()
	c := &converter{limits: &allocator{}}
	in, err := open(f, c.limits)
	if err != nil {
		return c.damaged(err)
	}
	defer in.Release()
	if c.fields, c.columns, err = plan(in.Schema()); err != nil {
		return err
	}
	schema := arrow.NewSchema(c.fields, nil)
	if c.out, err = arrowparquet.CreateRows(to, schema); err != nil {
		return err
	}
	defer func() {
		if c.out != nil {
			c.out.Abort()
		}
	}()
	if err := c.convert(ctx, in, read); err != nil {
		return err
	}
	err, c.out = c.out.Close(), nil
	return err
}

func (c *converter) convert(ctx context.Context, in *input, read func(int64)) error {
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		batch, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.damaged(err)
		}
		if err := c.limits.expands(in.messages.at); err != nil {
			return err
		}
		if err := validate(batch); err != nil {
			return c.damaged(err)
		}
		if c.rows+batch.NumRows() > invalid.MaxRows {
			return invalid.TooLarge()
		}
		for i := range int(batch.NumRows()) {
			if err := c.row(ctx, batch, i); err != nil {
				return err
			}
		}
		read(in.messages.at)
	}
}

// validate checks the arrays of a batch: buffers, offsets, indices and UTF-8. An array without values has nothing to
// check, and arrow-go 18.8 refuses those that it reads itself.
func validate(batch arrow.RecordBatch) error {
	for _, column := range batch.Columns() {
		if column.DataType().ID() == arrow.NULL {
			continue
		}
		if err := array.ValidateFull(column); err != nil {
			return err
		}
	}
	return nil
}

func (c *converter) row(ctx context.Context, batch arrow.RecordBatch, i int) error {
	c.rows++
	var row size
	for n, column := range c.columns {
		err := column.append(c.out.Field(n), batch.Column(n), i, &row)
		if err == nil && (row.bytes > maxRow || row.values > maxNested) {
			return &invalid.Error{Detail: fmt.Sprintf("Row %d is larger than %d MiB or has more than %d values.", c.rows, maxRow>>20, maxNested)}
		}
		if err != nil {
			return &invalid.Error{Detail: fmt.Sprintf("Row %d, column %s: %s.", c.rows, fault.Excerpt(c.fields[n].Name), err)}
		}
	}
	if c.written += int64(row.bytes); c.written > invalid.MaxBytes {
		return invalid.TooLarge()
	}
	if c.rows%1024 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	return c.out.Added(row.values, row.bytes)
}

// damaged is the error of a file that arrow-go cannot read.
func (c *converter) damaged(err error) error {
	var known *invalid.Error
	switch {
	case errors.As(err, &known):
		return known
	case c.limits.exceeded: // arrow-go may have turned the panic into an error
		return tooLargeBatch()
	case errors.Is(err, os.ErrClosed):
		return err
	}
	return errDamaged
}

func recovered(cause any) error {
	if refused, ok := cause.(*invalid.Error); ok {
		return refused
	}
	return errDamaged
}
