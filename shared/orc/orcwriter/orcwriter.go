// Package orcwriter writes Arrow record batches to an Apache ORC file
// (https://orc.apache.org/specification/ORCv1/).
//
// # Types
//
//	bool                           boolean
//	int8, int16, int32, int64      tinyint, smallint, int, bigint
//	uint8, uint16, uint32          smallint, int, bigint
//	uint64                         decimal(20,0)
//	float16, float32, float64      float, float, double
//	decimal of up to 38 digits     decimal
//	string, JSON                   string
//	dictionary of strings (ENUM)   string
//	UUID                           string
//	binary                         binary
//	date                           date
//	time                           string, as 15:04:05.000000
//	timestamp                      timestamp
//	timestamp with a time zone     timestamp with local time zone
//	duration                       bigint, in the unit of the duration
//	interval                       string, as ISO 8601 has it
//	list, map, struct              list, map, struct
//	union                          struct of the tag and of a field for each type
//	null                           string, of which every value is null
//
// Notes says which columns have another type in the file. A value that cannot be written exactly gives
// an Error.
//
// The file has statistics of its columns, for the file, its stripes and groups of 10,000 rows. A writer holds one stripe.
package orcwriter

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/orc"
)

// Bounds of a stripe, of which the first to be reached ends it.
const (
	maxStripe     = 64 << 20 // bytes before compression
	maxStripeRows = 100 * groupRows
)

// sliceBytes is about the size of the rows that are encoded before the size of the stripe is measured.
const sliceBytes = 1 << 20

// Error says in a sentence why rows cannot be written as ORC.
type Error string

func (e Error) Error() string { return string(e) }

// Options are the settings of a file.
type Options struct {
	Compression Compression
	StripeSize  int64 // in bytes before compression; by default and at most 64 MiB
}

// Writer writes an ORC file.
type Writer struct {
	out     io.Writer
	schema  *arrow.Schema
	options Options
	plan    *plan
	root    *structs
	stripe  *stripe
	err     error // the first; the file cannot be completed after it
}

// New begins a file with the columns of schema. A schema that ORC cannot have gives an Error.
func New(out io.Writer, schema *arrow.Schema, options Options) (*Writer, error) {
	if options.StripeSize < 1 || options.StripeSize > maxStripe {
		options.StripeSize = maxStripe
	}
	compress, err := newCompressor(options.Compression)
	if err != nil {
		return nil, fmt.Errorf("begin an ORC file: %w", err)
	}
	w := &Writer{out: out, schema: schema, options: options, plan: &plan{compress: compress}}
	if w.root, err = w.plan.root(schema.Fields()); err != nil {
		return nil, err
	}
	w.stripe = &stripe{}
	return w, w.write([]byte(orc.Magic))
}

// Notes says in a sentence each which columns have another type than in the schema, and which of them
// have values that some readers do not understand. It is complete after Close.
func (w *Writer) Notes() []string { return w.plan.notes }

// Write writes the rows of a batch, which must have the schema of the file.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	if w.err == nil {
		w.err = w.rows(batch)
	}
	return w.err
}

func (w *Writer) rows(batch arrow.RecordBatch) error {
	if int(batch.NumCols()) != w.schema.NumFields() {
		return fmt.Errorf("a batch has %d columns, not %d", batch.NumCols(), w.schema.NumFields())
	}
	for i, c := range batch.Columns() {
		if want := w.schema.Field(i).Type; !arrow.TypeEqual(c.DataType(), want) {
			return fmt.Errorf("column %d of a batch is %s, not %s", i+1, c.DataType(), want)
		}
	}
	rows := int(batch.NumRows())
	step, size := rows, uint64(0)
	for _, c := range batch.Columns() {
		size += c.Data().SizeInBytes()
	}
	if size > sliceBytes {
		step = max(1, int(float64(rows)*sliceBytes/float64(size)))
	}
	for from := 0; from < rows; {
		begun := int(w.stripe.rows % groupRows)
		if begun == 0 {
			if err := w.root.beginGroup(); err != nil {
				return err
			}
		}
		to := min(rows, from+step, from+groupRows-begun)
		if err := w.slice(batch, span{from, to}); err != nil {
			return err
		}
		from = to
		if w.stripe.rows == maxStripeRows || w.root.size() >= w.options.StripeSize {
			if err := w.endStripe(); err != nil {
				return err
			}
		}
	}
	return nil
}

// slice encodes rows of a batch.
func (w *Writer) slice(batch arrow.RecordBatch, rows span) error {
	if err := w.root.append(rows.from, rows.to, true); err != nil {
		return err
	}
	for i, c := range w.root.parts {
		if err := c.write(batch.Column(i), []span{rows}); err != nil {
			return err
		}
	}
	w.stripe.rows += int64(rows.to - rows.from)
	return nil
}

// Close writes the tail of the file. Only if it returns nil is the file complete.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.close()
	}
	if w.err != nil {
		return w.err
	}
	w.err = fmt.Errorf("the ORC file is closed")
	return nil
}

func (w *Writer) close() error {
	if w.stripe.rows > 0 {
		if err := w.endStripe(); err != nil {
			return err
		}
	}
	return w.tail()
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.plan.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write an ORC file: %w", err)
	}
	return nil
}
