package ingest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/resultset"
)

func options(t *testing.T, text string) reading.Options {
	t.Helper()
	o, err := reading.Parse([]byte(text), "body.reading")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func TestPrepare_ReadingOptions_DecideHowTextIsRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ format, content, options, types, rows string }{
		"backslash before quotes": {"csv", "\"foo\",\"bar\"\n\"332\",\"Surname, Firstname\"\n\"123\",\"foo (\\\"foo\\\")\"\n", `{"escape":"\\"}`,
			"foo BIGINT, bar VARCHAR", `[[332,"Surname, Firstname"],[123,"foo (\"foo\")"]]`},
		"backslash before itself, a delimiter and other characters": {"csv", "a,b\n\"x\\\\\",c\\,d\n\"C:\\new\",\"say \"\"hi\"\"\"\n", `{"escape":"\\"}`,
			"a VARCHAR, b VARCHAR", `[["x\\","c,d"],["C:\\new","say \"hi\""]]`},
		"short records are padded":               {"csv", "a,b,c\n1,2\n3,4,5\n", `{"ragged":"pad"}`, "a BIGINT, b BIGINT, c BIGINT", `[[1,2,null],[3,4,5]]`},
		"short records with a quoted last field": {"csv", "a,b,c\n1,\"x\ny\"\n", `{"ragged":"pad"}`, "a BIGINT, b VARCHAR, c VARCHAR", `[[1,"x\ny",null]]`},
		"comment lines":                          {"csv", "# generated 2024\na,b\n1,2\n#3,4\n", `{"comment":"#"}`, "a BIGINT, b BIGINT", `[[1,2]]`},
		"comments in quotes are data":            {"csv", "a,b\n1,\"x\n# y\"\n//z,3\n", `{"comment":"# "}`, "a VARCHAR, b VARCHAR", `[["1","x\n# y"],["//z","3"]]`},
		"long comment prefix":                    {"csv", "-- x\na\n1\n", `{"comment":"--"}`, "a BIGINT", `[[1]]`},
		"skipped lines":                          {"csv", "Report \"1\nof today\r\na;b\r\n1;2\r\n", `{"skip_lines":2}`, "a BIGINT, b BIGINT", `[[1,2]]`},
		"skipped lines before sep=":              {"csv", "x\nsep=:\na:b\n1:2\n", `{"skip_lines":1}`, "a BIGINT, b BIGINT", `[[1,2]]`},
		"a delimiter against sep=":               {"csv", "sep=;\na:b\n1:2\n", `{"delimiter":":"}`, "a BIGINT, b BIGINT", `[[1,2]]`},
		"a delimiter of two characters":          {"csv", "a||b\n1||\"x||y\"\n", `{"delimiter":"||"}`, "a BIGINT, b VARCHAR", `[[1,"x||y"]]`},
		"a letter as the delimiter":              {"csv", "a,1xb\n2x3\n", `{"delimiter":"x"}`, "a,1 BIGINT, b BIGINT", `[[2,3]]`},
		"another quote":                          {"csv", "a,b\n'x,y','it''s'\n\"z\",1\n", `{"quote":"'"}`, "a VARCHAR, b VARCHAR", `[["x,y","it's"],["\"z\"","1"]]`},
		"no quote":                               {"csv", "a,b\n\"x,2\n", `{"quote":""}`, "a VARCHAR, b BIGINT", `[["\"x",2]]`},
		"no header":                              {"csv", "1,x\n", `{"header":"absent"}`, "column_1 BIGINT, column_2 VARCHAR", `[[1,"x"]]`},
		"an encoding":                            {"csv", "a\ncaf\xe9\n", `{"encoding":"Windows-1252"}`, "a VARCHAR", `[["café"]]`},
		"German Excel": {"csv", "\ufeffDatum;Betrag;Kunde\n31.12.2024;1.234,56;Müller\n01.01.2025;-0,50;Ä\n", `{"decimal_separator":",","thousands_separator":".","date_format":"%d.%m.%Y"}`,
			"Datum DATE, Betrag DECIMAL(18,2), Kunde VARCHAR", `[["2024-12-31","1234.56","Müller"],["2025-01-01","-0.50","Ä"]]`},
		"integers in groups":         {"csv", "n;m\n1.234.567;12\n-12;9.223.372.036.854.775.808\n", `{"decimal_separator":",","thousands_separator":"."}`, "n BIGINT, m DECIMAL(38,0)", `[[1234567,12],[-12,"9223372036854775808"]]`},
		"Swiss and Indian groups":    {"csv", "n;m\n1'234.5;12'34'567\n0.25;1\n", `{"thousands_separator":"'"}`, "n DECIMAL(18,2), m BIGINT", `[["1234.50",1234567],["0.25",1]]`},
		"narrow spaces in groups":    {"csv", "n\n\"1\u202f234,5\"\n", `{"delimiter":";","decimal_separator":",","thousands_separator":"\u202f"}`, "n DECIMAL(18,1)", `[["1234.5"]]`},
		"groups of other lengths":    {"csv", "n;m;o\n1.23;12.3456;.123\n", `{"decimal_separator":",","thousands_separator":"."}`, "n VARCHAR, m VARCHAR, o VARCHAR", `[["1.23","12.3456",".123"]]`},
		"a point where a comma is":   {"csv", "n\n1.5\n", `{"decimal_separator":","}`, "n VARCHAR", `[["1.5"]]`},
		"leading zeros with a comma": {"csv", "n;m\n007;0,5\n", `{"decimal_separator":","}`, "n VARCHAR, m DECIMAL(18,1)", `[["007","0.5"]]`},
		"an exponent with a comma":   {"csv", "n\n\"1,5e3\"\n", `{"delimiter":";","decimal_separator":","}`, "n DOUBLE", `[[1500]]`},
		"words for null":             {"csv", "id,v,w\n1,5,NA\n2,NA,x\n3,\\N,\n", `{"null_values":["NA","\\N"]}`, "id BIGINT, v BIGINT, w VARCHAR", `[[1,5,"NA"],[2,null,"x"],[3,null,null]]`},
		"words for null in every type": {"csv", "b,d,t,f\ntrue,-,2024-01-01T00:00:00Z,1.5\n-,2024-01-01,-,-\n", `{"null_values":["-"]}`,
			"b BOOLEAN, d DATE, t TIMESTAMP WITH TIME ZONE, f DOUBLE", `[[true,null,"2024-01-01T00:00:00Z",1.5],[null,"2024-01-01",null,null]]`},
		"a number for null":                {"csv", "n\n-999\n1.5\n", `{"null_values":["-999"]}`, "n DOUBLE", `[[null],[1.5]]`},
		"only words for null":              {"csv", "a,n\n1,NA\n", `{"null_values":["NA"]}`, "a BIGINT, n VARCHAR", `[[1,"NA"]]`},
		"words for null in a wide decimal": {"csv", "n\nNA\n1234567890123456.5\n", `{"null_values":["NA"]}`, "n DECIMAL(18,1)", `[[null],["1234567890123456.5"]]`},
		"day before month":                 {"csv", "d\n31/12/2024\n01/02/2025\n1/2/2025\n", `{"date_format":"%d/%m/%Y"}`, "d DATE", `[["2024-12-31"],["2025-02-01"],["2025-02-01"]]`},
		"month before day":                 {"csv", "d,e\n12/31/2024,2024-01-01\n", `{"date_format":"%m/%d/%Y"}`, "d DATE, e VARCHAR", `[["2024-12-31","2024-01-01"]]`},
		"one date does not fit":            {"csv", "d\n31/12/2024\n12/31/2024\n", `{"date_format":"%d/%m/%Y"}`, "d VARCHAR", `[["31/12/2024"],["12/31/2024"]]`},
		"an impossible date":               {"csv", "d\n31/12/2024\n30/02/2024\n", `{"date_format":"%d/%m/%Y"}`, "d VARCHAR", `[["31/12/2024"],["30/02/2024"]]`},
		"a date and more":                  {"csv", "d\n31/12/2024 10:00\n", `{"date_format":"%d/%m/%Y"}`, "d VARCHAR", `[["31/12/2024 10:00"]]`},
		"digits alone":                     {"csv", "d,e\n20241231,2024131\n", `{"date_format":"%Y%m%d"}`, "d DATE, e BIGINT", `[["2024-12-31",2024131]]`},
		"names of months, short years":     {"csv", "d\n5-jan-69\n31-DEC-68\n", `{"date_format":"%d-%b-%y"}`, "d DATE", `[["1969-01-05"],["2068-12-31"]]`},
		"long names of months":             {"csv", "d\n\"March 1, 2024\"\n", `{"date_format":"%B %d, %Y"}`, "d DATE", `[["2024-03-01"]]`},
		"timestamps":                       {"csv", "t\n31.12.2024 23:59\n01.01.2025 00:00\n", `{"timestamp_format":"%d.%m.%Y %H:%M"}`, "t TIMESTAMP", `[["2024-12-31T23:59:00"],["2025-01-01T00:00:00"]]`},
		"timestamps with a fraction": {"csv", "t,u\n31.12.2024 23:59:01.123456,31.12.2024 23:59:01.1234567\n01.01.2025 00:00:00.5,x\n", `{"timestamp_format":"%d.%m.%Y %H:%M:%S.%f"}`,
			"t TIMESTAMP, u VARCHAR", `[["2024-12-31T23:59:01.123456","31.12.2024 23:59:01.1234567"],["2025-01-01T00:00:00.5","x"]]`},
		"half days":               {"csv", "t\n12/31/2024 12:05 AM\n1/2/2025 3:07 pm\n", `{"timestamp_format":"%m/%d/%Y %I:%M %p"}`, "t TIMESTAMP", `[["2024-12-31T00:05:00"],["2025-01-02T15:07:00"]]`},
		"offsets":                 {"csv", "t\n31/Dec/2024:23:59:01 +0130\n01/Jan/2025:00:00:00 -0800\n", `{"timestamp_format":"%d/%b/%Y:%H:%M:%S %z"}`, "t TIMESTAMP WITH TIME ZONE", `[["2024-12-31T22:29:01Z"],["2025-01-01T08:00:00Z"]]`},
		"offsets of all forms":    {"csv", "t\n31.12.2024 23:00Z\n31.12.2024 23:00+02\n31.12.2024 23:00-01:30\n", `{"timestamp_format":"%d.%m.%Y %H:%M%z"}`, "t TIMESTAMP WITH TIME ZONE", `[["2024-12-31T23:00:00Z"],["2024-12-31T21:00:00Z"],["2025-01-01T00:30:00Z"]]`},
		"types of single columns": {"csv", "id,n,d\n1,2,31/12/2024\n", `{"types":{"ID":"varchar","n":"DECIMAL(10,2)","d":"DATE"},"date_format":"%d/%m/%Y"}`, "id VARCHAR, n DECIMAL(10,2), d DATE", `[["1","2.00","2024-12-31"]]`},
		"records in a document":   {"json", `{"data":[{"a":1},{"a":2}],"meta":{"n":2}}`, `{"records":"/data"}`, "a BIGINT", `[[1],[2]]`},
		"records of GeoJSON": {"json", `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"n":1},"geometry":{"type":"Point","coordinates":[1,2]}}]}`, `{"records":"/features"}`,
			"type VARCHAR, properties JSON, geometry JSON", `[["Feature",{"n":1},{"type":"Point","coordinates":[1,2]}]]`},
		"records deeper": {"json", "\ufeff{\"x\":[1,\n[0],{\"a/b\":{\"~\":[\n{\"a\":\"]\"}]},\"a\":[{\"a\":2}]}],\"y\":[]}\n", `{"records":"/x/2/a~1b/~0"}`, "a VARCHAR", `[["]"]]`},
		"words for null in JSON": {"json", `[{"n":1,"s":"NA","d":"NA","m":"NA","o":{}},{"n":"NA","s":"x","d":"31.12.2024","m":1,"o":"NA"},{"n":2,"m":"y"}]`, `{"null_values":["NA"],"date_format":"%d.%m.%Y"}`,
			"n BIGINT, s VARCHAR, d DATE, m JSON, o JSON", `[[1,"NA",null,"NA",{}],[null,"x","2024-12-31",1,"NA"],[2,null,null,"y",null]]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: file(t, test.content), Format: test.format, Reading: options(t, test.options)})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff([2]string{test.types, test.rows}, [2]string{types(profile), rows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrepare_ReadingOptionsThatDoNotFit_AreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		format, content, options string
		columns                  []resultset.Column
		want                     string
	}{
		"padding and a long record":       {"csv", "a,b\n1\n1,2,3\n", `{"ragged":"pad"}`, nil, "Line 3 has 3 fields where the first line has 2."},
		"lines counted after comments":    {"csv", "#x\nz\na,b\n#\n1\n", `{"comment":"#","skip_lines":2}`, nil, "Line 5 has 1 fields where the first line has 2."},
		"all lines are skipped":           {"csv", "a,b\n1,2\n", `{"skip_lines":9}`, nil, "The file is empty."},
		"declared date in another form":   {"csv", "d\n31.12.2024\n2024-12-31\n", `{"date_format":"%d.%m.%Y"}`, []resultset.Column{{Name: "d", Type: "DATE"}}, `Row 2, column "d": "2024-12-31" is not a valid DATE of the form %d.%m.%Y.`},
		"declared number in another form": {"csv", "n;m\n1,5;1\n1.5;2\n", `{"decimal_separator":","}`, []resultset.Column{{Name: "n", Type: "DECIMAL(10,2)"}, {Name: "m", Type: "BIGINT"}}, `Row 2, column "n": "1.5" is not a valid DECIMAL(10,2) with the decimal separator "," and the thousands separator "".`},
		"type of an unknown column":       {"csv", "a\n1\n", `{"types":{"b":"DATE"}}`, nil, `The file has no column "b", to which the reading options give a type.`},
		"type that a value lacks":         {"csv", "a,b\n1,2\n,x\n", `{"types":{"b":"BIGINT"}}`, nil, `Row 2, column "b": "x" is not a valid BIGINT.`},
		"no such records":                 {"json", `{"data":[]}`, `{"records":"/items"}`, nil, `The document has nothing at "/items", where the option records says that the records are.`},
		"records below a number":          {"json", `{"data":1}`, `{"records":"/data/x"}`, nil, `The document has nothing at "/data/x", where the option records says that the records are.`},
		"records that are an object":      {"json", `{"data":{}}`, `{"records":"/data"}`, nil, `The value at "/data" is not an array of objects.`},
		"records that are numbers":        {"json", "{\"data\":\n[1]}", `{"records":"/data"}`, nil, `Line 2 has '1' where an object is expected.`},
		"a fault after the records":       {"json", `{"data":[{"a":1}],"x":}`, `{"records":"/data"}`, nil, `The file is not one valid JSON document: the option records is for a file that is one.`},
		"records twice":                   {"json", `{"data":[{"a":1}],"data":[{"a":2}]}`, `{"records":"/data"}`, nil, `The document contains the key "data" twice in an object.`},
		"a document is cut off":           {"json", `{"data":[{"a":1}]`, `{"records":"/data"}`, nil, `The file is not one valid JSON document: the option records is for a file that is one.`},
		"two documents":                   {"json", `{"data":[{"a":1}]} {}`, `{"records":"/data"}`, nil, `The file has more than one JSON document: the option records is for a file that is one.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := ingest.Source{Path: file(t, test.content), Format: test.format, Columns: test.columns, Reading: options(t, test.options)}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()})
			var refused *invalid.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, refused.Detail); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrepare_Detected_TellsHowTheFileWasRead(t *testing.T) {
	t.Parallel()
	quote := `"`
	_, profile := prepare(t, ingest.Source{Path: file(t, "n;m;s\nNA;1;NULL\n2;2;NA\n"), Format: ingest.CSV, Reading: options(t, `{"null_values":["NA"]}`)})
	want := reading.Detected{Options: reading.Options{NullValues: []string{"NA"}}, Format: "csv", Encoding: "utf-8", Delimiter: ";", Quote: &quote, Header: "present",
		Columns: []reading.ReadColumn{{Name: "n", Type: "BIGINT", NullWords: []string{"NA"}}, {Name: "m", Type: "BIGINT"}, {Name: "s", Type: "VARCHAR", NullWords: []string{"NA", "NULL"}}}}
	if diff := cmp.Diff(want, profile.Detected); diff != "" {
		t.Error(diff)
	}
}
