// Package arrowparquet writes Arrow record batches to a Parquet file.
package arrowparquet

import (
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Writer writes a Parquet file, one row group for each record batch.
type Writer struct {
	file    *os.File
	parquet *pqarrow.FileWriter
}

// maxRowGroup is above the size of every batch, so that no batch is split.
const maxRowGroup = 1 << 30

// Create creates a Parquet file with the columns of schema.
func Create(path string, schema *arrow.Schema) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create a scratch file: %w", err)
	}
	properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithStats(false),
		parquet.WithMaxRowGroupLength(maxRowGroup), parquet.WithDictionaryDefault(false))
	writer, err := pqarrow.NewFileWriter(schema, file, properties, pqarrow.NewArrowWriterProperties())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin a Parquet file: %w", err), file.Close())
	}
	return &Writer{file: file, parquet: writer}, nil
}

// Write writes a batch as a row group.
func (w *Writer) Write(batch arrow.RecordBatch) error {
	if err := w.parquet.Write(batch); err != nil {
		return fmt.Errorf("write a Parquet row group: %w", err)
	}
	return nil
}

// Close writes the footer and closes the file. Only if it returns nil is the file complete.
func (w *Writer) Close() error {
	if err := w.parquet.Close(); err != nil { // also closes the file
		return fmt.Errorf("end a Parquet file: %w", err)
	}
	return nil
}

// Abort closes a file that will not be completed.
func (w *Writer) Abort() { _ = w.file.Close() }
