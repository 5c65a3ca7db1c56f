package walk

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
)

// hard has the values that conversions lose easily. No timestamp is at midnight.
const hard = `[
	{"id": 1, "big": -9223372036854775808, "unsigned": 18446744073709551615, "money": "1234567890123456789012345678.0123456789",
	 "day": "0001-01-01", "local": "1969-12-31 23:59:59.999999", "instant": "1900-01-01 00:00:00.000001Z",
	 "uuid": "01234567-89ab-cdef-0123-456789abcdef", "bytes": "AP8iLA==", "label": "grüß \"Gott\", 🙂;\n\t\\",
	 "list": [1, null, 3], "record": {"a": 9223372036854775807, "b": "x"}, "map": [{"key": "ü", "value": 1}, {"key": "", "value": null}]},
	{"id": 2, "big": 9223372036854775807, "unsigned": 9007199254740993, "money": "-0.0000000001",
	 "day": "9999-12-31", "local": "9999-12-31 23:59:59", "instant": "2024-03-31 01:00:00Z",
	 "uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff", "bytes": "", "label": "",
	 "list": [], "record": {"a": null, "b": ""}, "map": []},
	{"id": 3, "big": null, "unsigned": null, "money": null, "day": null, "local": null, "instant": null,
	 "uuid": null, "bytes": null, "label": null, "list": null, "record": null, "map": null}
]`

var hardFields = []arrow.Field{
	nullable("id", arrow.PrimitiveTypes.Int64),
	nullable("big", arrow.PrimitiveTypes.Int64),
	nullable("unsigned", arrow.PrimitiveTypes.Uint64),
	nullable("money", &arrow.Decimal128Type{Precision: 38, Scale: 10}),
	nullable("day", arrow.FixedWidthTypes.Date32),
	nullable("local", &arrow.TimestampType{Unit: arrow.Microsecond}),
	nullable("instant", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}),
	nullable("bytes", arrow.BinaryTypes.Binary),
	nullable("uuid", extensions.NewUUIDType()),
	nullable("label", arrow.BinaryTypes.String),
	nullable("list", arrow.ListOf(arrow.PrimitiveTypes.Int64)),
	nullable("record", arrow.StructOf(nullable("a", arrow.PrimitiveTypes.Int64), nullable("b", arrow.BinaryTypes.String))),
	nullable("map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)),
}

var endless = []arrow.Field{nullable("id", arrow.PrimitiveTypes.Int64), nullable("until", arrow.FixedWidthTypes.Date32)}

// declared are the types of the columns of hard in files that have only text.
const declared = `{"types": {"id": "BIGINT", "big": "BIGINT", "unsigned": "DECIMAL(20,0)", "money": "DECIMAL(38,10)", "day": "DATE", "local": "TIMESTAMP",
	"instant": "TIMESTAMP WITH TIME ZONE", "uuid": "UUID", "bytes": "VARCHAR", "label": "VARCHAR", "map": "JSON"}}`

func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// parquet writes rows as Arrow's own Parquet file.
func (m *team) parquet(rows string, fields []arrow.Field) []byte {
	m.t.Helper()
	schema := arrow.NewSchema(fields, nil)
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		m.t.Fatal(err)
	}
	defer batch.Release()
	var file bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &file, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(batch)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return file.Bytes()
}

// convertEveryFormat uploads a table in each format and downloads each upload in every format.
func (m *team) convertEveryFormat() {
	formats := []string{"csv", "json", "parquet", "avro", "orc"}
	original := m.convertible("original", "parquet", m.parquet(hard, hardFields))
	for _, from := range formats {
		h := m.convertible("from_"+from, from, m.download(original, from))
		for _, to := range formats {
			content := m.download(h, to)
			got := m.read(from+"_to_"+to, to, content)
			if diff := cmp.Diff(plainRows(m.t, []byte(hard)), got); diff != "" {
				m.t.Errorf("%s to %s (-want +got):\n%s", from, to, diff)
			}
		}
	}
}

func (m *team) convertible(name, format string, content []byte) *history {
	m.t.Helper()
	h := m.create(name, "local")
	reading := ""
	if format == "csv" || format == "json" {
		reading = declared
	}
	m.send(h, reading, "a."+format, content)
	return h
}

func (m *team) download(h *history, format string) []byte {
	m.t.Helper()
	return m.want(http.MethodGet, h.path+"/download?format="+format, http.StatusOK).body
}
