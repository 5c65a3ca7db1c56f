package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Bounds of a batch.
const (
	maxBatchRows  = 16 << 10
	maxBatchBytes = 8 << 20
)

// each writes the batches of all files to the sink, which it opens with the schema of the first.
func (t *Table) each(ctx context.Context, open func(*arrow.Schema) (sink, error)) error {
	var out sink
	for _, path := range t.files {
		if err := eachBatch(ctx, path, func(schema *arrow.Schema) (err error) {
			if out == nil {
				out, err = open(schema)
			}
			return err
		}, func(batch arrow.RecordBatch) error { return out.Write(batch) }); err != nil {
			return err
		}
	}
	return out.Close()
}

func eachBatch(ctx context.Context, path string, begin func(*arrow.Schema) error, visit func(arrow.RecordBatch) error) error {
	properties := parquet.NewReaderProperties(memory.DefaultAllocator)
	properties.BufferedStreamEnabled = true
	in, err := file.OpenParquetFile(path, false, file.WithReadProps(properties))
	if err != nil {
		return fmt.Errorf("open a scratch file: %w", err)
	}
	defer in.Close()
	var size int64
	for i := range in.NumRowGroups() {
		size += in.MetaData().RowGroup(i).TotalByteSize()
	}
	rows := int64(maxBatchRows)
	if n := in.NumRows(); n > 0 && size/n > 0 {
		rows = min(max(maxBatchBytes/(size/n), 1), maxBatchRows)
	}
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: rows}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("read the columns of a scratch file: %w", err)
	}
	schema, err := reader.Schema()
	if err != nil {
		return fmt.Errorf("read the columns of a scratch file: %w", err)
	}
	if err := begin(schema); err != nil {
		return err
	}
	batches, err := reader.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return fmt.Errorf("read a scratch file: %w", err)
	}
	defer batches.Release()
	for batches.Next() {
		if err := errors.Join(ctx.Err(), visit(batches.RecordBatch())); err != nil {
			return err
		}
	}
	if err := batches.Err(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read a scratch file: %w", err)
	}
	return nil
}
