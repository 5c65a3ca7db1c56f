package export

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// avroSink writes an object container file.
type avroSink struct {
	out     *ocf.Writer
	columns []encoder
	row     []byte
}

func newAvro(w io.Writer, fields []field, read *arrow.Schema) (*avroSink, error) {
	columns := make([]arrow.Field, len(fields))
	for i, f := range fields {
		columns[i] = arrow.Field{Name: f.name, Type: read.Field(i).Type}
	}
	p := &avroPlanner{}
	record, encoders, err := p.record(columns)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode the Avro schema: %w", err)
	}
	schema, err := avro.Parse(string(encoded))
	if err != nil {
		return nil, fmt.Errorf("parse the Avro schema: %w", err)
	}
	// The library's form of the schema would lack the docs of the fields.
	out, err := ocf.NewWriter(w, schema, ocf.WithSchema(string(encoded)), ocf.WithCodec(ocf.DeflateCodec(6)), ocf.WithBlockBytes(256<<10))
	if err != nil {
		return nil, fmt.Errorf("begin an Avro file: %w", err)
	}
	return &avroSink{out: out, columns: encoders}, nil
}

func (s *avroSink) Write(batch arrow.RecordBatch) error {
	for row := range int(batch.NumRows()) {
		s.row = s.row[:0]
		for i, encode := range s.columns {
			s.row = encode(s.row, batch.Column(i), row)
		}
		if _, err := s.out.Write(s.row); err != nil {
			return fmt.Errorf("write an Avro block: %w", err)
		}
	}
	return nil
}

func (s *avroSink) Close() error { return s.out.Close() }
