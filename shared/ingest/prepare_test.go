package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/resultset"
	"function/shared/sandbox"
)

const (
	weather  = "../../testdata/seattle-weather.csv"
	airports = "../../testdata/airports.csv"
	nasty    = "../../testdata/nasty.csv"
)

// prepare makes a table named t of a file.
func prepare(t testing.TB, src ingest.Source) (sandbox.Table, *ingest.Profile) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "t.parquet")
	profile, err := ingest.Prepare(t.Context(), src, dst, ingest.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatalf("prepare %s: %v", src.Path, err)
	}
	return sandbox.Table{Name: "t", Paths: []string{dst}}, profile
}

// file writes content to a file of the test.
func file(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ask runs a query over one table and gives its answer as JSON.
func ask(t testing.TB, table sandbox.Table, sql string, params ...any) (columns, rows string) {
	t.Helper()
	set, err := sandbox.Query(t.Context(), []sandbox.Table{table}, sql, params, sandbox.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return encode(t, set.Columns), encode(t, set.Rows)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func types(p *ingest.Profile) string {
	var list []string
	for _, c := range p.Columns {
		list = append(list, c.Name+" "+c.Type)
	}
	return strings.Join(list, ", ")
}

func TestWeather(t *testing.T) {
	t.Parallel()
	table, profile := prepare(t, ingest.Source{Path: weather, Format: ingest.CSV})
	if profile.Rows != 1461 {
		t.Errorf("got %d rows", profile.Rows)
	}
	want := "date DATE, precipitation DOUBLE, temp_max DOUBLE, temp_min DOUBLE, wind DOUBLE, weather VARCHAR"
	if diff := cmp.Diff(want, types(profile)); diff != "" {
		t.Error(diff)
	}
	_, rows := ask(t, table, "SELECT weather, count(*) FROM T GROUP BY ALL ORDER BY 2 DESC")
	if diff := cmp.Diff(`[["rain",641],["sun",640],["fog",101],["drizzle",53],["snow",26]]`, rows); diff != "" {
		t.Error(diff)
	}
	_, rows = ask(t, table, "SELECT round(avg(temp_max), 6) FROM t")
	if diff := cmp.Diff(`[[16.439083]]`, rows); diff != "" {
		t.Error(diff)
	}
	column := profile.Columns[5]
	wantColumn := ingest.ColumnProfile{Name: "weather", Type: "VARCHAR", Distinct: 5, Min: "drizzle", Max: "sun",
		TopValues: []ingest.TopValue{{Value: "rain", Count: 641}, {Value: "sun", Count: 640}, {Value: "fog", Count: 101}, {Value: "drizzle", Count: 53}, {Value: "snow", Count: 26}}}
	if diff := cmp.Diff(wantColumn, column); diff != "" {
		t.Error(diff)
	}
	if mean := profile.Columns[2].Mean; mean == nil || fmt.Sprintf("%.6f", *mean) != "16.439083" {
		t.Errorf("mean of temp_max is %v", mean)
	}
}

func TestAirports(t *testing.T) {
	t.Parallel()
	table, profile := prepare(t, ingest.Source{Path: airports, Format: ingest.CSV})
	if profile.Rows != 3376 {
		t.Errorf("got %d rows", profile.Rows)
	}
	_, rows := ask(t, table, "SELECT * FROM t WHERE iata = ?", "SEA")
	if !strings.HasPrefix(rows, `[["SEA","Seattle-Tacoma Intl","Seattle","WA","USA",`) {
		t.Errorf("got %s", rows)
	}
}

// nastyTypes and nastyRows are what nasty.csv says, value by value.
const nastyTypes = "code VARCHAR, name VARCHAR, note VARCHAR, small BIGINT, wide64 BIGINT, wide DECIMAL(38,0), huge VARCHAR, price DOUBLE, " +
	"exact VARCHAR, plus VARCHAR, flag BOOLEAN, iso DATE, us VARCHAR, mixed VARCHAR, at TIMESTAMP, zoned TIMESTAMP WITH TIME ZONE, na VARCHAR, empty VARCHAR"

var nastyRows = []string{
	`["007","Müller, \"Jo\"",null,1,"9007199254740993","9223372036854775808","12345678901234567890123456789012345678901",19.9,"0.1234567890123456789","+5",true,"2024-02-29","03/04/2024","2024-01-02","2024-01-02T03:04:05","2024-01-01T21:34:05Z","NA",null]`,
	`["000","line one\nline two","",-2,"-9223372036854775808","-17014118346046923173168730371588410572","1",0,"12345678901234567890.5","5",false,"0001-01-01","3/4/24","02.01.2024","2024-01-02T03:04:05.123456","2024-01-02T03:04:05Z","null",null]`,
	`["10","日本語 🎉"," padded ",null,0,1,"2",1000,"-1","6",null,null,null,"Jan 2, 2024",null,"2025-01-01T07:59:59.5Z",null,null]`,
	`["","naïve café","x",null,42,-5,"3",-0.5,null,"7",true,"9999-12-31","12/31/1999","2024","1969-12-31T23:59:00",null,"None",null]`,
}

func TestNastyCSV(t *testing.T) {
	t.Parallel()
	table, profile := prepare(t, ingest.Source{Path: nasty, Format: ingest.CSV})
	if diff := cmp.Diff(nastyTypes, types(profile)); diff != "" {
		t.Error(diff)
	}
	_, rows := ask(t, table, "FROM t")
	if diff := cmp.Diff("["+strings.Join(nastyRows, ",")+"]", rows); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersKeepTheirValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, values, sqlType, want string }{
		{"integers", "1\n-2\n0\n", "BIGINT", `[[1],[-2],[0]]`},
		{"leading zero", "01\n2\n", "VARCHAR", `[["01"],["2"]]`},
		{"space", "\" 1\"\n2\n", "VARCHAR", `[[" 1"],["2"]]`},
		{"beyond 64 bits", "18446744073709551616\n1\n", "DECIMAL(38,0)", `[["18446744073709551616"],[1]]`},
		{"beyond 38 digits", strings.Repeat("9", 39) + "\n1\n", "VARCHAR", `[["` + strings.Repeat("9", 39) + `"],["1"]]`},
		{"doubles", "1\n-2.50\n1.5e3\n1e-05\n2E+21\n", "DOUBLE", `[[1],[-2.5],[1500],[0.00001],[2e+21]]`},
		{"16 digits", "1234567890123.456\n1\n", "DECIMAL(18,3)", `[["1234567890123.456"],["1.000"]]`},
		{"wide integer among fractions", "9007199254740993\n0.5\n", "DECIMAL(18,1)", `[["9007199254740993.0"],["0.5"]]`},
		{"integers with an exponent", "1\n2e3\n", "VARCHAR", `[["1"],["2e3"]]`},
		{"many digits and an exponent", "1234567890123456e1\n1\n", "VARCHAR", `[["1234567890123456e1"],["1"]]`},
		{"out of a double's range", "1e400\n1\n", "VARCHAR", `[["1e400"],["1"]]`},
		{"not JSON's form", ".5\n1.\n", "VARCHAR", `[[".5"],["1."]]`},
		{"words for numbers", "NaN\n1\n", "VARCHAR", `[["NaN"],["1"]]`},
		{"booleans", "true\nfalse\n", "BOOLEAN", `[[true],[false]]`},
		{"capital booleans", "True\nfalse\n", "VARCHAR", `[["True"],["false"]]`},
		{"impossible date", "2023-02-29\n2023-02-28\n", "VARCHAR", `[["2023-02-29"],["2023-02-28"]]`},
		{"nanoseconds", "2023-01-01T00:00:00.123456789\n", "VARCHAR", `[["2023-01-01T00:00:00.123456789"]]`},
		{"a date and a timestamp", "2023-01-01\n2023-01-01T00:00:00\n", "VARCHAR", `[["2023-01-01"],["2023-01-01T00:00:00"]]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: file(t, "v\n"+test.values), Format: ingest.CSV})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff("v "+test.sqlType, types(profile)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A column's type follows from the whole file, not from its first rows.
func TestLastRowDecides(t *testing.T) {
	t.Parallel()
	path := file(t, "n,d\n"+strings.Repeat("1,2024-01-01\n", 50_000)+"x,soon\n")
	table, profile := prepare(t, ingest.Source{Path: path, Format: ingest.CSV})
	if diff := cmp.Diff("n VARCHAR, d VARCHAR", types(profile)); diff != "" {
		t.Error(diff)
	}
	_, rows := ask(t, table, "SELECT count(*), min(n), max(d) FROM t")
	if diff := cmp.Diff(`[[50001,"1","soon"]]`, rows); diff != "" {
		t.Error(diff)
	}
}

func TestRowsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("n\n")
	for i := range 300_000 {
		fmt.Fprintln(&b, i)
	}
	table, _ := prepare(t, ingest.Source{Path: file(t, b.String()), Format: ingest.CSV})
	_, rows := ask(t, table, "SELECT count(*) FROM (SELECT n, row_number() OVER () - 1 AS position FROM t) WHERE n <> position")
	if diff := cmp.Diff(`[[0]]`, rows); diff != "" {
		t.Error(diff)
	}
}

func TestWideFile(t *testing.T) {
	t.Parallel()
	var names, values []string
	for i := range 150 {
		names = append(names, fmt.Sprintf("c%d", i))
		values = append(values, fmt.Sprint(i))
	}
	content := strings.Join(names, ",") + "\n" + strings.Repeat(strings.Join(values, ",")+"\n", 1000)
	table, profile := prepare(t, ingest.Source{Path: file(t, content), Format: ingest.CSV})
	if len(profile.Columns) != 150 || profile.Rows != 1000 {
		t.Errorf("got %d columns, %d rows", len(profile.Columns), profile.Rows)
	}
	_, rows := ask(t, table, "SELECT sum(c149) FROM t")
	if diff := cmp.Diff(`[[149000]]`, rows); diff != "" {
		t.Error(diff)
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	_, profile := prepare(t, ingest.Source{Path: file(t, "1;x\n2;y\n"), Format: ingest.CSV, Reading: reading.Options{Header: "absent"}})
	if diff := cmp.Diff("column_1 BIGINT, column_2 VARCHAR", types(profile)); diff != "" {
		t.Error(diff)
	}
	_, profile = prepare(t, ingest.Source{Path: file(t, "a|A||\"b|\"\"\"\n1|2|3|4\n"), Format: ingest.CSV})
	if diff := cmp.Diff(`a BIGINT, A_2 BIGINT, column_3 BIGINT, b|" BIGINT`, types(profile)); diff != "" {
		t.Error(diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	objects := []string{
		`{"code":"007","n":1,"wide":12345678901234567890123,"exact":0.12345678901234567890,"d":"2024-02-29","at":"2024-01-02T03:04:05.5Z","ok":true,"doc":{"x":123456789012345678901.50,"y":[1,2.50]},"mix":1}`,
		`{ "code" : "a,\"b\"\n\u00e9\ud83d\ude00" , "n":-2.5,"wide":-1,"exact":1,"d":null,"at":"2024-01-02T03:04:05+01:00","ok":false,"doc":[],"mix":"1","late":""}`,
	}
	want := `[["007",1,"12345678901234567890123","0.12345678901234567890","2024-02-29","2024-01-02T03:04:05.5Z",true,{"x":123456789012345678901.50,"y":[1,2.50]},1,null],` +
		`["a,\"b\"\né😀",-2.5,-1,"1.00000000000000000000",null,"2024-01-02T02:04:05Z",false,[],"1",""]]`
	wantTypes := "code VARCHAR, n DOUBLE, wide DECIMAL(38,0), exact DECIMAL(38,20), d DATE, at TIMESTAMP WITH TIME ZONE, ok BOOLEAN, doc JSON, mix JSON, late VARCHAR"
	for name, content := range map[string]string{
		"lines":            strings.Join(objects, "\n") + "\n",
		"array":            "\xef\xbb\xbf [" + strings.Join(objects, "\n,") + "]\r\n",
		"lines without LF": strings.Join(objects, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: file(t, content), Format: ingest.JSON})
			if diff := cmp.Diff(wantTypes, types(profile)); diff != "" {
				t.Error(diff)
			}
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParquet(t *testing.T) {
	t.Parallel()
	first, _ := prepare(t, ingest.Source{Path: nasty, Format: ingest.CSV})
	table, profile := prepare(t, ingest.Source{Path: first.Paths[0], Format: ingest.Parquet})
	if diff := cmp.Diff(nastyTypes, types(profile)); diff != "" {
		t.Error(diff)
	}
	_, rows := ask(t, table, "FROM t")
	if diff := cmp.Diff("["+strings.Join(nastyRows, ",")+"]", rows); diff != "" {
		t.Error(diff)
	}
}

func TestDeclaredColumns(t *testing.T) {
	t.Parallel()
	schema := []resultset.Column{{Name: "ID", Type: "string"}, {Name: "n", Type: "decimal(10,2)"}, {Name: "at", Type: "date"}}
	_, profile := prepare(t, ingest.Source{Path: file(t, "id,n,at\n1,2.50,2024-01-01\n2,,\n"), Format: ingest.CSV, Columns: schema})
	if diff := cmp.Diff("ID VARCHAR, n DECIMAL(10,2), at DATE", types(profile)); diff != "" {
		t.Error(diff)
	}
	_, profile = prepare(t, ingest.Source{Path: file(t, `{"id":"1"}`), Format: ingest.JSON, Columns: schema})
	if diff := cmp.Diff("ID VARCHAR, n DECIMAL(10,2), at DATE", types(profile)); diff != "" {
		t.Error(diff)
	}
}

// notUTF8 is the sentence about a line that is not UTF-8.
func notUTF8(line int) string {
	return fmt.Sprintf("Line %d is not valid UTF-8 text. If the file is in another encoding, save it as UTF-8,"+
		" or declare the encoding in the file's part of the form, such as Content-Type: text/csv; charset=windows-1252.", line)
}

func TestInvalidFiles(t *testing.T) {
	t.Parallel()
	whole, _ := prepare(t, ingest.Source{Path: weather, Format: ingest.CSV})
	parquet, err := os.ReadFile(whole.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	wide := strings.Repeat("a,", 100_000) + "a\n"
	integer := []resultset.Column{{Name: "a", Type: "BIGINT"}}
	tests := []struct {
		name, format, content string
		columns               []resultset.Column
		line                  int64
		detail                string
	}{
		{"empty", ingest.CSV, "", nil, 0, "The file is empty."},
		{"blank", ingest.CSV, "\xef\xbb\xbf\r\n\n", nil, 0, "The file is empty."},
		{"ragged, fewer", ingest.CSV, "a,b,c\n1,2,3\n4,5\n", nil, 3, "Line 3 has 2 fields where the first line has 3."},
		{"ragged, more", ingest.CSV, "a,b\n1,2\n4,5,6\n", nil, 3, "Line 3 has 3 fields where the first line has 2."},
		{"Latin-1", ingest.CSV, "a,b\n1,x\n2,caf\xe9\n", nil, 3, notUTF8(3)},
		{"binary", ingest.CSV, "a,b\n1,\x00\n", nil, 2, "Line 2 contains the character U+0000, which cannot be stored."},
		{"open quote", ingest.CSV, "a,b\n1,2\n1,\"2\n3,4\n", nil, 3, "Line 3 has a quote that is never closed."},
		{"stray quote", ingest.CSV, "a,b\n1,\"x\"y\"\"\n", nil, 2, "Line 2 has a misplaced quote."},
		{"stray quote in the header", ingest.CSV, "a,\"b\"x\"\"\n1,2\n", nil, 1, "Line 1 has a misplaced quote."},
		{"too many columns", ingest.CSV, wide, nil, 1, "The file has 100001 columns; at most 2000 are possible."},
		{"long line", ingest.CSV, "a,b\n" + strings.Repeat("x", 40<<20), nil, 2, "Line 2 is longer than 16 MiB."},
		{"value of another type", ingest.CSV, "a\n1\n2.5\n", integer, 0, `Row 2, column "a": "2.5" cannot be stored exactly as BIGINT.`},
		{"long value of another type", ingest.CSV, "a\n" + strings.Repeat("x", 100) + "\n", integer, 0, `Row 1, column "a": "` + strings.Repeat("x", 40) + `…" is not a valid BIGINT.`},
		{"undeclared column", ingest.CSV, "a,b\n1,2\n", integer, 0, "The file has 2 columns, the declared schema 1."},
		{"missing column", ingest.CSV, "b\n1\n", integer, 1, `The file has no column "a", which the schema declares.`},
		{"unknown type", ingest.CSV, "a\n1\n", []resultset.Column{{Name: "a", Type: "INT); --"}}, 0, `The schema declares the unknown type "INT); --" for column "a".`},
		{"JSON cut off", ingest.JSON, `[{"a":1},{"a":`, nil, 1, "The object on line 1 does not end."},
		{"JSON array cut off", ingest.JSON, "[{\"a\":1},\n{\"a\":2}", nil, 2, "Line 2 ends the file before the array ends."},
		{"JSON of numbers", ingest.JSON, "[1,2]", nil, 1, "Line 1 has '1' where an object is expected."},
		{"broken JSON", ingest.JSON, "{\"a\":1}\n{\"a\":01}\n", nil, 2, "The object on line 2 is not valid JSON."},
		{"text after JSON", ingest.JSON, "[{\"a\":1}]\nx", nil, 2, "Line 2 has 'x' after the end of the array."},
		{"deep JSON", ingest.JSON, `{"a":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `}`, nil, 1, "The object on line 1 is not valid JSON."},
		{"key twice", ingest.JSON, `{"a":1,"a":2}`, nil, 1, `The object on line 1 contains the key "a" twice.`},
		{"no values", ingest.JSON, "[]", nil, 0, "The file contains no values."},
		{"Parquet cut in half", ingest.Parquet, string(parquet[:len(parquet)/2]), nil, 0, "The Parquet file is truncated or damaged."},
		{"Parquet with a hole", ingest.Parquet, string(parquet[:100]) + strings.Repeat("x", 2000) + string(parquet[2100:]), nil, 0, "The Parquet file is truncated or damaged."},
		{"no Parquet", ingest.Parquet, "PAR1PAR1", nil, 0, "The Parquet file is truncated or damaged."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			scratch := t.TempDir()
			src := ingest.Source{Path: file(t, test.content), Format: test.format, Columns: test.columns}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: scratch})
			var refused *invalid.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(invalid.Error{Detail: test.detail, Line: test.line}, *refused); diff != "" {
				t.Error(diff)
			}
			if left, _ := os.ReadDir(scratch); len(left) > 0 {
				t.Errorf("%d entries are left in the scratch directory", len(left))
			}
		})
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	last, stages := -1.0, map[string]bool{}
	_, err := ingest.Prepare(t.Context(), ingest.Source{Path: weather, Format: ingest.CSV}, filepath.Join(t.TempDir(), "t.parquet"),
		ingest.Options{Scratch: t.TempDir(), Progress: func(stage string, done float64) {
			if done < last {
				t.Errorf("%s: %v after %v", stage, done, last)
			}
			last, stages[stage] = done, true
		}})
	if err != nil || last != 1 || len(stages) != 3 {
		t.Errorf("got %v, %v, %v", err, last, stages)
	}
}

func TestPrepare_MemoryGiven_HoldsForWideFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wide.csv")
	line := strings.Repeat("1,", 1_200) + "1\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	src := ingest.Source{Path: path, Format: ingest.CSV, Reading: reading.Options{Header: "absent"}}
	_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir(), Memory: "4MB"})
	var invalid *invalid.Error
	if !errors.As(err, &invalid) || !strings.Contains(invalid.Detail, "within the memory limit") {
		t.Errorf("with 4 MB: %v, want a refusal for memory", err)
	}
	if _, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()}); err != nil {
		t.Errorf("with the usual memory: %v", err)
	}
}

func TestPrepare_ManyColumnsOfText_FitTheUsualMemory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wide.csv")
	line := strings.Repeat("abcdefgh,", 1_100) + "z\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	src := ingest.Source{Path: path, Format: ingest.CSV, Reading: reading.Options{Header: "absent"}}
	if _, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()}); err != nil {
		t.Error(err)
	}
}
