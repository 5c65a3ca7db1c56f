package profile_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/dataset"
	"function/shared/platformtest"
)

func TestProfile_TypedFile_KeepsItsTypesAndComesBackAsItWas(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, append(datasetstest.Lifecycle, download.Service)...)
	caller := p.Login("owner")
	for i, test := range []struct{ name, path, format, mediaType, columns string }{
		{"avro", "../../../shared/ingest/testdata/avro/decimal-bytes.avro", "avro", "application/avro", "v DECIMAL(38,10)"},
		{"orc", "../../../shared/ingest/testdata/orc/decimal-wide.orc", "orc", "application/vnd.apache.orc", "v DECIMAL(38,10)"},
	} {
		content, err := os.ReadFile(test.path)
		if err != nil {
			t.Fatal(err)
		}
		d := datasetstest.Create(t, p, caller.Token, test.name)
		datasetstest.Upload(t, p, caller.Token, d.ID, "a."+test.format, string(content)).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)

		got := datasetstest.Get(t, p, caller.Token, d.ID)

		if got.Status != dataset.Ready || got.Format == nil || *got.Format != test.format {
			t.Fatalf("%s: data set %+v, want it ready", test.name, got.Dataset)
		}
		var list []string
		for name, c := range columns(t, got) {
			list = append(list, name+" "+c.Type)
		}
		if diff := cmp.Diff(test.columns, strings.Join(list, ", ")); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		answer := p.Do(caller.Token, http.MethodGet, "/v1/datasets/"+d.ID.String()+"/download", nil).Want(t, http.StatusOK)
		if answer.Header.Get("Content-Type") != test.mediaType || string(answer.Body) != string(content) {
			t.Errorf("%s: %d bytes of %s come back, want %d of %s", test.name, len(answer.Body), answer.Header.Get("Content-Type"), len(content), test.mediaType)
		}
	}
}
