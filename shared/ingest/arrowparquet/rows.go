package arrowparquet

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Bounds of a batch of rows.
const (
	BatchRows   = 120 << 10
	batchValues = 1 << 20
	batchBytes  = 16 << 20
)

// Rows writes a Parquet file row by row. It collects rows into batches and writes each as a row group.
type Rows struct {
	out     *Writer
	batch   *array.RecordBuilder
	pending int // rows of the batch
	values  int // values of the batch
	bytes   int // of the batch
}

// CreateRows creates a Parquet file with the columns of schema.
func CreateRows(path string, schema *arrow.Schema) (*Rows, error) {
	out, err := Create(path, schema)
	if err != nil {
		return nil, err
	}
	return &Rows{out: out, batch: array.NewRecordBuilder(memory.DefaultAllocator, schema)}, nil
}

// Field returns the builder of a column, to which each row appends one value.
func (r *Rows) Field(i int) array.Builder { return r.batch.Field(i) }

// Added counts a row that was appended to all columns, with the values and bytes that it takes. It
// writes the batch if it is full.
func (r *Rows) Added(values, bytes int) error {
	r.pending++
	r.values += values
	r.bytes += bytes
	if r.pending == BatchRows || r.values >= batchValues || r.bytes >= batchBytes {
		return r.flush()
	}
	return nil
}

// flush writes the batch.
func (r *Rows) flush() error {
	if r.pending == 0 {
		return nil
	}
	batch := r.batch.NewRecordBatch()
	defer batch.Release()
	r.pending, r.values, r.bytes = 0, 0, 0
	return r.out.Write(batch)
}

// Close writes the last rows and the footer. Only if it returns nil is the file complete.
func (r *Rows) Close() error {
	if err := r.flush(); err != nil {
		return err
	}
	r.batch.Release()
	return r.out.Close()
}

// Abort closes a file that will not be completed.
func (r *Rows) Abort() { r.out.Abort() }
