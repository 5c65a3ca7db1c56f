package export

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// arrowSink writes an IPC stream.
type arrowSink struct {
	out    *ipc.Writer
	schema *arrow.Schema
}

func newArrow(w io.Writer, fields []field, read *arrow.Schema) *arrowSink {
	columns := make([]arrow.Field, len(fields))
	for i, f := range fields {
		columns[i] = arrow.Field{Name: f.name, Type: read.Field(i).Type, Nullable: true} // without the metadata of Parquet
	}
	schema := arrow.NewSchema(columns, nil)
	return &arrowSink{ipc.NewWriter(w, ipc.WithSchema(schema)), schema}
}

func (s *arrowSink) Write(batch arrow.RecordBatch) error {
	plain := array.NewRecordBatch(s.schema, batch.Columns(), batch.NumRows())
	defer plain.Release()
	return s.out.Write(plain)
}

// Close writes the end of the stream; a stream without one is incomplete.
func (s *arrowSink) Close() error { return s.out.Close() }
