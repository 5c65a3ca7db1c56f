package reading_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/fault"
	"function/shared/ingest/reading"
)

func TestParse_WrongOptions_AreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		``: "", `[]`: "", `{`: "", `{"a":1}`: "", `{"delimiter":";","delimiter":","}`: "", `{} {}`: "", `{"Delimiter":";"}`: "",
		`{"skip_lines":"1"}`: ".skip_lines", `{"skip_lines":1.5}`: ".skip_lines", `{"skip_lines":-1}`: ".skip_lines", `{"skip_lines":1000001}`: ".skip_lines",
		`{"null_values":"NA"}`: ".null_values", `{"null_values":["a",1]}`: ".null_values.1", `{"null_values":["\u0000"]}`: ".null_values[0]",
		`{"format":"xml"}`: ".format", `{"header":"yes"}`: ".header", `{"ragged":"skip"}`: ".ragged", `{"encoding":"klingon"}`: ".encoding",
		`{"delimiter":"\n"}`: ".delimiter", `{"delimiter":"abcde"}`: ".delimiter", `{"delimiter":"\""}`: ".delimiter", `{"delimiter":"'","quote":"'"}`: ".delimiter",
		`{"quote":"ab"}`: ".quote", `{"quote":"\r"}`: ".quote", `{"escape":"ab"}`: ".escape", `{"escape":";","delimiter":";"}`: ".escape",
		`{"comment":"\"x"}`: ".comment", `{"comment":";","delimiter":";"}`: ".comment", `{"comment":"a\nb"}`: ".comment",
		`{"decimal_separator":";"}`: ".decimal_separator", `{"decimal_separator":".,"}`: ".decimal_separator",
		`{"thousands_separator":"."}`: ".thousands_separator", `{"thousands_separator":",","decimal_separator":","}`: ".thousands_separator", `{"thousands_separator":"x"}`: ".thousands_separator",
		`{"date_format":"%d.%m."}`: ".date_format", `{"date_format":"%d.%m.%Y %H"}`: ".date_format", `{"date_format":"%d.%d.%m.%Y"}`: ".date_format",
		`{"date_format":"%x"}`: ".date_format", `{"date_format":"%d%m%Y%"}`: ".date_format", `{"date_format":"dd.mm.yyyy"}`: ".date_format",
		`{"timestamp_format":"%d.%m.%Y"}`: ".timestamp_format", `{"timestamp_format":"%d.%m.%Y %I:%M"}`: ".timestamp_format", `{"timestamp_format":"%d.%m.%Y %H:%S"}`: ".timestamp_format",
		`{"timestamp_format":"%Y-%m-%dZ%H:%M%z"}`: ".timestamp_format",
		`{"records":"data"}`:                      ".records", `{"records":"/a~2"}`: ".records", `{"records":"/~"}`: ".records",
		`{"types":{"a":"INT); --"}}`: ".types.a", `{"types":{"a":"DATE","A":"DATE"}}`: ".types.a", `{"types":{"a":1}}`: ".types.a",
	} {
		_, err := reading.Parse([]byte(text), "body.reading")
		f, ok := fault.As(err)
		if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 {
			t.Errorf("%s: got %v", text, err)
			continue
		}
		if diff := cmp.Diff("body.reading"+place, f.Fields[0].Location); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestFor_OptionOfAnotherFormat_IsRefused(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string][]string{
		`{"delimiter":";"}`: {"json", "parquet", "avro"}, `{"quote":""}`: {"json", "parquet", "avro"}, `{"records":"/a"}`: {"csv", "parquet", "avro"},
		`{"null_values":["NA"]}`: {"parquet", "avro"}, `{"types":{"a":"DATE"}}`: {"parquet", "avro"}, `{"encoding":"utf-8"}`: {"parquet", "avro"},
		`{"decimal_separator":"."}`: {"json", "parquet", "avro"}, `{"format":"csv"}`: nil, `{}`: nil,
	} {
		o, err := reading.Parse([]byte(text), "body.reading")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var refused []string
		for _, format := range []string{"csv", "json", "parquet", "avro"} {
			if o.For(format, "body.reading") != nil {
				refused = append(refused, format)
			}
		}
		if diff := cmp.Diff(wrong, refused); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// Whatever is accepted is valid for the reader, too.
func FuzzTimeFormat(f *testing.F) {
	f.Add("%d.%m.%Y", false)
	f.Add("%Y%m%d%H%M%S%z %%", true)
	f.Fuzz(func(_ *testing.T, format string, timestamp bool) {
		_, _ = reading.NewTimeFormat(format, timestamp)
	})
}
