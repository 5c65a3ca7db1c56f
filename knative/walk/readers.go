package walk

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/google/uuid"
	"github.com/twmb/avro/ocf"
)

// read returns the rows of a file, read by other programs than the platform. Only ORC has no other
// reader in Go: the platform reads it.
func (m *team) read(name, format string, content []byte) []map[string]any {
	m.t.Helper()
	switch format {
	case "json":
		return plainRows(m.t, content)
	case "csv":
		return m.readCSV(content)
	case "avro":
		return m.readAvro(content)
	case "orc":
		content = m.download(m.convertible(name, "orc", content), "parquet")
	}
	return m.readParquet(content)
}

func (m *team) readParquet(content []byte) []map[string]any {
	m.t.Helper()
	in, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		m.t.Fatal(err)
	}
	defer in.Close()
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		m.t.Fatal(err)
	}
	table, err := reader.ReadTable(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	defer table.Release()
	var rows []map[string]any
	for batches := array.NewTableReader(table, 0); batches.Next(); {
		encoded, err := batches.RecordBatch().MarshalJSON()
		if err != nil {
			m.t.Fatal(err)
		}
		rows = append(rows, plainRows(m.t, encoded)...)
	}
	for i := range in.MetaData().Schema.NumColumns() {
		if column := in.MetaData().Schema.Column(i); column.LogicalType().Equals(schema.JSONLogicalType{}) {
			m.decodeJSON(rows, column.Name())
		}
	}
	return rows
}

// decodeJSON decodes a column of JSON documents, which Arrow reads as bytes.
func (m *team) decodeJSON(rows []map[string]any, column string) {
	m.t.Helper()
	for _, row := range rows {
		if encoded, ok := row[column].(string); ok {
			document, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				m.t.Fatal(err)
			}
			row[column] = plain(string(document))
		}
	}
}

func (m *team) readAvro(content []byte) []map[string]any {
	m.t.Helper()
	reader, err := ocf.NewReader(bytes.NewReader(content))
	if err != nil {
		m.t.Fatal(err)
	}
	var rows []map[string]any
	for {
		var row map[string]any
		if err := reader.Decode(&row); errors.Is(err, io.EOF) {
			return rows
		} else if err != nil {
			m.t.Fatal(err)
		}
		rows = append(rows, plain(row).(map[string]any))
	}
}

// readCSV reads an empty field as null unless it is quoted, a difference that encoding/csv ignores. No
// two columns of empty text may be neighbors.
func (m *team) readCSV(content []byte) []map[string]any {
	m.t.Helper()
	const empty = "(empty)"
	records, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(string(content), `,"",`, `,`+empty+`,`))).ReadAll()
	if err != nil {
		m.t.Fatal(err)
	}
	var rows []map[string]any
	for _, record := range records[1:] {
		row := map[string]any{}
		for i, name := range records[0] {
			switch field := record[i]; field {
			case "":
				row[name] = nil
			case empty:
				row[name] = ""
			default:
				row[name] = plain(field)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// plainRows decodes JSON with every digit.
func plainRows(t *testing.T, content []byte) []map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var rows []map[string]any
	if err := decoder.Decode(&rows); err != nil {
		t.Fatalf("%v\n%.1000s", err, content)
	}
	for i := range rows {
		rows[i] = plain(rows[i]).(map[string]any)
	}
	return rows
}

// plain removes the differences between formats that lack a type and those that have it: numbers are
// text, bytes are base64, times are in one form, and text that is a list or an object is that.
func plain(value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return plainText(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case *big.Rat:
		return strings.TrimSuffix(strings.TrimRight(v.FloatString(10), "0"), ".")
	case time.Time:
		return plainText(v.UTC().Format("2006-01-02 15:04:05.999999"))
	case uuid.UUID:
		return v.String()
	case []any:
		if object := entries(v); object != nil {
			return plain(object)
		}
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case map[string]any:
		if len(v) == 0 {
			return []any{} // as an empty list of keys and values
		}
		for name := range v {
			v[name] = plain(v[name])
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

// exponent is a decimal as Arrow prints a small one.
var exponent = regexp.MustCompile(`^-?[0-9.]+e-[0-9]+$`)

func plainText(v string) any {
	if strings.HasPrefix(v, "[") || strings.HasPrefix(v, "{") {
		decoder := json.NewDecoder(strings.NewReader(v))
		decoder.UseNumber()
		var nested any
		if decoder.Decode(&nested) == nil {
			return plain(nested)
		}
	}
	if exponent.MatchString(v) {
		number, _ := new(big.Rat).SetString(v)
		return plain(number)
	}
	if len(v) < 19 || v[4] != '-' || v[10] != 'T' && v[10] != ' ' {
		return v
	}
	v = strings.Replace(v, "T", " ", 1)
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(v, "Z"), "+00"), " 00:00:00")
}

// entries returns the map that a list of keys and values is, or nil.
func entries(list []any) map[string]any {
	object := map[string]any{}
	for _, item := range list {
		entry, ok := item.(map[string]any)
		key, isText := entry["key"].(string)
		if !ok || !isText || len(entry) != 2 {
			return nil
		}
		object[key] = entry["value"]
	}
	if len(object) == 0 {
		return nil
	}
	return object
}
