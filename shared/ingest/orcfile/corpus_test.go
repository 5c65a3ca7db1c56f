package orcfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// ORC_EXAMPLES names the folder examples of github.com/apache/orc, of which expected has the rows.
func TestConvert_ExamplesOfApache_AreRightOrRefused(t *testing.T) {
	folder := os.Getenv("ORC_EXAMPLES")
	if folder == "" {
		t.Skip("EXAMPLES OF APACHE ORC ARE NOT TESTED: ORC_EXAMPLES names their folder, which no package registry has")
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".orc" {
			return err
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".orc"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			table, refusal := rows(t, content)
			if refusal != "" {
				t.Log("refused: " + refusal)
				return
			}
			expected, err := os.Open(filepath.Join(folder, "expected", strings.TrimSuffix(filepath.Base(path), ".orc")+".jsn.gz"))
			if err != nil {
				t.Logf("%d rows, without expected ones", table.NumRows())
				return
			}
			defer expected.Close()
			compareRows(t, expected, table)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rows converts a file and returns its rows, or the sentence of its refusal.
func rows(t testing.TB, content []byte) (arrow.Table, string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "t.parquet")
	if refusal := convertTo(t, content, to); refusal != "" {
		return nil, refusal
	}
	in, err := file.OpenParquetFile(to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return table, ""
}

func compareRows(t *testing.T, expected *os.File, table arrow.Table) {
	lines, err := gzip.NewReader(expected)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, 64<<20)
	batches := array.NewTableReader(table, 1<<16)
	defer batches.Release()
	count := 0
	for batches.Next() {
		batch := batches.RecordBatch()
		root := array.RecordToStructArray(batch)
		for i := range int(batch.NumRows()) {
			count++
			if !scanner.Scan() {
				t.Fatalf("%d rows are expected", count-1)
			}
			decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
			decoder.UseNumber()
			var want any
			if err := decoder.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if _, ok := want.(map[string]any); !ok {
				want = map[string]any{"value": want}
			}
			if diff := difference(want, root, i); diff != "" {
				t.Fatalf("row %d: %s", count, diff)
			}
		}
	}
	if scanner.Scan() {
		t.Fatalf("more than %d rows are expected", count)
	}
	t.Logf("%d rows are right", count)
}

// difference compares a value with the JSON that orc-contents writes for it.
func difference(want any, column arrow.Array, i int) string {
	if want == nil || column.IsNull(i) {
		if want != nil || !column.IsNull(i) {
			return fmt.Sprintf("got null %t, want %v", column.IsNull(i), want)
		}
		return ""
	}
	wrong := func(got any) string {
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return ""
		}
		return fmt.Sprintf("got %v, want %v (%s)", got, want, column.DataType())
	}
	switch c := column.(type) {
	case *array.Struct:
		fields := c.DataType().(*arrow.StructType).Fields()
		members := want.(map[string]any)
		if _, union := members["tag"]; union && fields[0].Name == "tag" {
			tag := int(c.Field(0).(*array.Int8).Value(i))
			if got := wrongNumber(members["tag"], float64(tag), 64); got != "" {
				return got
			}
			return difference(members["value"], c.Field(tag+1), i)
		}
		for j, f := range fields {
			if diff := difference(members[f.Name], c.Field(j), i); diff != "" {
				return f.Name + ": " + diff
			}
		}
		return ""
	case *array.Map:
		from, to := c.ValueOffsets(i)
		return differences(want.([]any), from, to, func(want any, i int) string {
			entry := want.(map[string]any)
			key, underscored := entry["_key"]
			if !underscored {
				return difference(entry["key"], c.Keys(), i) + difference(entry["value"], c.Items(), i)
			}
			return difference(key, c.Keys(), i) + difference(entry["_value"], c.Items(), i)
		})
	case *array.List:
		from, to := c.ValueOffsets(i)
		return differences(want.([]any), from, to, func(want any, i int) string { return difference(want, c.ListValues(), i) })
	case *array.Binary:
		return differences(want.([]any), 0, int64(len(c.Value(i))), func(want any, j int) string {
			return wrongNumber(want, float64(c.Value(i)[j]), 64)
		})
	case *array.Boolean:
		return wrong(c.Value(i))
	case *array.String:
		return wrong(c.Value(i))
	case *array.Float32:
		return wrongNumber(want, float64(c.Value(i)), 32)
	case *array.Float64:
		return wrongNumber(want, c.Value(i), 64)
	case *array.Decimal128:
		got, _ := new(big.Rat).SetString(c.ValueStr(i))
		if w, ok := new(big.Rat).SetString(fmt.Sprint(want)); ok && w.Cmp(got) == 0 {
			return ""
		}
		if strings.HasPrefix(c.ValueStr(i), fmt.Sprint(want)) && strings.Contains(fmt.Sprint(want), ".") {
			return "" // the C++ reader cuts decimals of Hive 0.11 after six digits
		}
		return wrong(c.ValueStr(i))
	case *array.Timestamp:
		typ := c.DataType().(*arrow.TimestampType)
		got := c.Value(i).ToTime(typ.Unit).UTC()
		w, err := time.Parse("2006-01-02 15:04:05", strings.TrimSuffix(want.(string), " UTC"))
		if err == nil && w.Equal(got) {
			return ""
		}
		return wrong(got.Format("2006-01-02 15:04:05.999999999"))
	case *array.Date32:
		return wrong(c.Value(i).FormattedString())
	}
	return wrong(column.ValueStr(i))
}

func differences(want []any, from, to int64, compare func(want any, i int) string) string {
	if int64(len(want)) != to-from {
		return fmt.Sprintf("got %d elements, want %d", to-from, len(want))
	}
	for j, w := range want {
		if diff := compare(w, int(from)+j); diff != "" {
			return fmt.Sprintf("%d: %s", j, diff)
		}
	}
	return ""
}

// wrongNumber compares with the digits that orc-contents writes: 14 of a double, and 7 of a float.
func wrongNumber(want any, got float64, bits int) string {
	w, err := want.(json.Number).Float64()
	if err == nil && (w == got || bits == 32 && math.Abs(w-got) <= 1e-6*math.Abs(w) || math.Abs(w-got) <= 1e-13*math.Abs(w)) {
		return ""
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}
