package download_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/engine"
	"function/shared/platformtest"
)

func TestDownload_Converted_HeadersDescribeTheFile(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "sales")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.json", `[{"a":1,"b":9007199254740993,"t":"a\"b","d":"2024-01-01"},{"a":null,"b":2,"t":"","d":null}]`).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	for format, want := range map[string]struct{ mediaType, notes, body string }{
		"csv": {"text/csv; charset=utf-8", "", "\"a\",\"b\",\"t\",\"d\"\r\n1,9007199254740993,\"a\"\"b\",2024-01-01\r\n,2,\"\",\r\n"},
		"json": {"application/json", `"Integers beyond 9007199254740991 as text", "UUID, dates and times as text"`,
			"[\n" + `{"a":1,"b":"9007199254740993","t":"a\"b","d":"2024-01-01"}` + ",\n" + `{"a":null,"b":2,"t":"","d":null}` + "\n]\n"},
		"ndjson": {"application/x-ndjson", `"Integers beyond 9007199254740991 as text", "UUID, dates and times as text"`,
			`{"a":1,"b":"9007199254740993","t":"a\"b","d":"2024-01-01"}` + "\n" + `{"a":null,"b":2,"t":"","d":null}` + "\n"},
		"parquet": {"application/vnd.apache.parquet", "", ""},
		"avro":    {"application/avro", "", ""},
		"orc":     {"application/vnd.apache.orc", "", ""},
		"arrow":   {"application/vnd.apache.arrow.stream", "", ""},
	} {
		url := path(d) + "?format=" + format

		got := p.Do(caller.Token, http.MethodGet, url, nil).Want(t, http.StatusOK)

		tag := `W/"1-` + format + `"`
		for header, value := range map[string]string{"Content-Type": want.mediaType, "Conversion-Notes": want.notes, "ETag": tag,
			"Content-Disposition": `attachment; filename="sales-v1.` + format + `"`} {
			if got.Header.Get(header) != value {
				t.Errorf("%s: %s: %s, want %s", format, header, got.Header.Get(header), value)
			}
		}
		if want.body != "" && string(got.Body) != want.body {
			t.Errorf("%s: body %s, want %s", format, got.Body, want.body)
		}
		p.Do(caller.Token, http.MethodGet, url, nil, "If-None-Match", tag).Want(t, http.StatusNotModified)
		if head := p.Do(caller.Token, http.MethodHead, url, nil).Want(t, http.StatusOK); len(head.Body) > 0 || head.Header.Get("ETag") != tag {
			t.Errorf("%s: HEAD returns %d bytes and the tag %s", format, len(head.Body), head.Header.Get("ETag"))
		}
	}
}

// TestDownload_VersionOfSeveralTables_HasAllRows appends to a data set.
func TestDownload_VersionOfSeveralTables_HasAllRows(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "appended")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	body, contentType := datasetstest.Form(t, "file", "b.csv", "", "a\n2\n")
	p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/upload?operation=append", body, "Content-Type", contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)

	for version, want := range map[string]string{"1": "\"a\"\r\n1\r\n", "2": "\"a\"\r\n1\r\n2\r\n", "main": "\"a\"\r\n1\r\n2\r\n"} {
		if got := p.Do(caller.Token, http.MethodGet, path(d)+"?format=csv&version="+version, nil).Want(t, http.StatusOK); string(got.Body) != want {
			t.Errorf("version %s: %q, want %q", version, got.Body, want)
		}
	}
	file := filepath.Join(t.TempDir(), "rows.parquet")
	if err := os.WriteFile(file, p.Do(caller.Token, http.MethodGet, path(d)+"?format=parquet", nil).Want(t, http.StatusOK).Body, 0o600); err != nil {
		t.Fatal(err)
	}
	if rows := query(t, "SELECT list(a) FROM "+engine.Literal(file)); fmt.Sprint(rows) != "[[[1 2]]]" {
		t.Errorf("Parquet has the rows %v", rows)
	}
}

func TestDownload_ConversionRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "infinite")
	p.Do(caller.Token, http.MethodGet, path(d)+"?format=csv", nil).Want(t, http.StatusUnprocessableEntity) // no version
	file := filepath.Join(t.TempDir(), "a.parquet")
	query(t, "COPY (SELECT {'d': [DATE 'infinity']} AS s) TO "+engine.Literal(file)+" (FORMAT parquet)")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.parquet", string(content)).Want(t, http.StatusCreated)
	p.Do(caller.Token, http.MethodGet, path(d)+"?format=csv", nil).Want(t, http.StatusUnprocessableEntity) // not ready
	datasetstest.Profile(t, p, 1)

	for _, format := range []string{"avro", "orc", "arrow"} {
		got := p.Do(caller.Token, http.MethodGet, path(d)+"?format="+format, nil).Want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(got.Body), "has an infinite date or timestamp, which "+format+" cannot carry") {
			t.Errorf("%s: %s", format, got.Body)
		}
	}
	if got := p.Do(caller.Token, http.MethodGet, path(d)+"?format=ndjson", nil).Want(t, http.StatusOK); string(got.Body) != `{"s":{"d":["infinity"]}}`+"\n" {
		t.Errorf("ndjson: %s", got.Body)
	}
	p.Do(caller.Token, http.MethodGet, path(d)+"?format=xlsx", nil).Want(t, http.StatusUnprocessableEntity)
	p.Do(other.Token, http.MethodGet, path(d)+"?format=csv", nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodGet, path(d)+"?format=csv", nil).Want(t, http.StatusUnauthorized)
}
