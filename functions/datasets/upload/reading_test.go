package upload_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/shared/ingest/reading"
	"function/shared/platformtest"
)

// form returns a multipart body with the given fields in their order, and its content type.
func form(fields ...[2]string) (body, contentType string) {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + f[0] + "\"; filename=\"a.csv\"\r\n\r\n" + f[1] + "\r\n")
	}
	return b.String() + "--b--\r\n", "multipart/form-data; boundary=b"
}

func TestUpload_ReadingOptions_AreUsedAndShown(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "german")
	body, contentType := form([2]string{"reading", `{"decimal_separator": ",", "thousands_separator": ".", "date_format": "%d.%m.%Y", "null_values": ["-"]}`},
		[2]string{"file", "Datum;Betrag;Kunde\n31.12.2024;1.234,56;-\n-;-0,50;Ä\n"})
	datasetstest.Send(p, caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)
	before := datasetstest.Get(t, p, caller.Token, d.ID)
	datasetstest.Profile(t, p, 1)

	got := datasetstest.Get(t, p, caller.Token, d.ID)

	options := reading.Options{DecimalSeparator: ",", ThousandsSeparator: ".", DateFormat: "%d.%m.%Y", NullValues: []string{"-"}}
	quote := `"`
	want := reading.Detected{Options: options, Format: "csv", Encoding: "utf-8", Delimiter: ";", Quote: &quote, Header: "present", Columns: []reading.ReadColumn{
		{Name: "Datum", Type: "DATE", NullWords: []string{"-"}}, {Name: "Betrag", Type: "DECIMAL(18,2)"}, {Name: "Kunde", Type: "VARCHAR", NullWords: []string{"-"}}}}
	if diff := cmp.Diff(&reading.Detected{Options: options}, before.Reading); diff != "" {
		t.Errorf("while processing: %s", diff)
	}
	if diff := cmp.Diff(&want, got.Reading); diff != "" || got.Status != dataset.Ready {
		t.Errorf("%s: %s", got.Status, diff)
	}
}

func TestUpload_CompressedFile_IsRead(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "packed")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv.gz", compressed(t, "a\tb\n1\t2\n")).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)

	got := datasetstest.Get(t, p, caller.Token, d.ID)

	if got.Status != dataset.Ready || got.Compression == nil || *got.Compression != "gzip" || got.Reading == nil || got.Reading.Delimiter != "\t" || len(got.Reading.Columns) != 2 {
		t.Errorf("data set %+v, read as %+v", got.Dataset, got.Reading)
	}
}

func TestUpload_InvalidReadingOptions_AreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	free := datasetstest.Create(t, p, caller.Token, "free")
	declared := platformtest.Decode[dataset.Dataset](t, p.Do(caller.Token, http.MethodPost, "/v1/datasets", map[string]any{"name": "declared", "storage_type": "local",
		"description": "", "schema": map[string]any{"columns": []any{map[string]any{"name": "a", "type": "BIGINT"}}}}).Want(t, http.StatusCreated))
	file := [2]string{"file", "a\n1\n"}
	for name, test := range map[string]struct {
		to       dataset.Dataset
		fields   [][2]string
		location string
	}{
		"unknown option":           {free, [][2]string{{"reading", `{"separator": ";"}`}, file}, "body.reading"},
		"wrong value":              {free, [][2]string{{"reading", `{"delimiter": "\n"}`}, file}, "body.reading.delimiter"},
		"option of another format": {free, [][2]string{{"reading", `{"records": "/data"}`}, file}, "body.reading.records"},
		"format that it is not":    {free, [][2]string{{"reading", `{"format": "csv"}`}, {"file", "PAR1\x15\x04\x15\x00\x15\x04\x00PAR1"}}, "body.reading.format"},
		"types beside a schema":    {declared, [][2]string{{"reading", `{"types": {"a": "DATE"}}`}, file}, "body.reading.types"},
		"too large":                {free, [][2]string{{"reading", strings.Repeat(" ", 1<<20) + "{}"}, file}, "body.reading"},
		"twice":                    {free, [][2]string{{"reading", "{}"}, {"reading", "{}"}, file}, "body"},
		"after the file":           {free, [][2]string{file, {"reading", "{}"}}, "body"},
		"without a file":           {free, [][2]string{{"reading", "{}"}}, "body.file"},
	} {
		body, contentType := form(test.fields...)
		answer := datasetstest.Send(p, caller.Token, test.to.ID, body, contentType).Want(t, http.StatusUnprocessableEntity)
		problem := platformtest.Decode[struct {
			Errors []struct{ Location string }
		}](t, answer)
		if len(problem.Errors) != 1 || problem.Errors[0].Location != test.location {
			t.Errorf("%s: refused at %+v, want %s", name, problem.Errors, test.location)
		}
	}
	datasetstest.WantNothingStored(t, p)
}
