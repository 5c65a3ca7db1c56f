package upload_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/upload"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/runtime"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{deletion.Service}, datasetstest.Lifecycle...)

func compressed(t *testing.T, content string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type version = struct {
	DatasetID uuid.UUID `json:"dataset_id"`
	Version   int       `json:"version"`
	Status    string    `json:"status"`
	Format    string    `json:"format"`
	SizeBytes int64     `json:"size_bytes"`
	SHA256    string    `json:"sha256"`
}

func TestUpload_File_StoresAVersionAndPublishesIt(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "weather")
	content := datasetstest.Testdata(t, "seattle-weather.csv")

	answer := datasetstest.Upload(t, p, caller.Token, d.ID, "seattle-weather.csv", content).Want(t, http.StatusCreated)

	hash := sha256.Sum256([]byte(content))
	want := version{DatasetID: d.ID, Version: 1, Status: dataset.Processing, Format: "csv", SizeBytes: int64(len(content)), SHA256: hex.EncodeToString(hash[:])}
	if got := platformtest.Decode[version](t, answer); got != want {
		t.Errorf("answer %+v, want %+v", got, want)
	}
	published := platformtest.Published[events.DatasetUploaded](p, 1)[0].Data
	if published.DatasetID != d.ID || published.OrganizationID != caller.OrganizationID || published.Version != 1 || published.Status != dataset.Processing || published.Bytes != want.SizeBytes {
		t.Errorf("event %+v is not about version 1 of %s", published, d.ID)
	}
	if !published.ChangedAt.After(d.ChangedAt) {
		t.Errorf("the event's changed_at %s is not after the data set's creation %s", published.ChangedAt, d.ChangedAt)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`); n != 0 {
		t.Errorf("%d staged objects after an upload", n)
	}
}

func TestUpload_Formats_AreRecognized(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "formats")
	parquet := "PAR1\x15\x04\x15\x00\x15\x04\x00PAR1"
	for name, test := range map[string]struct{ file, mediaType, content, format string }{
		"csv by name":            {"a.csv", "", "{a\n1\n", "csv"},
		"json by name":           {"a.json", "", "1\n", "json"},
		"json by media type":     {"a", "application/json", "1\n", "json"},
		"json by content":        {"a", "application/octet-stream", "\ufeff \n[]", "json"},
		"lines by content":       {"a", "", `{"a": 1}`, "json"},
		"csv by default":         {"a", "", "a,b\n1,2\n", "csv"},
		"csv with a magic name":  {"a", "", "PAR1,ORC\n1,2\n", "csv"},
		"csv in another charset": {"a", "", "caf\xe9\n1\n", "csv"},
		"csv in UTF-16":          {"a.csv", "", "\xff\xfea\x00,\x00b\x00", "csv"},
		"json in UTF-16":         {"a", "", "\xfe\xff\x00[\x00]", "json"},
		"csv in declared UTF-16": {"a", "text/csv; charset=utf-16le", "a\x00,\x00b\x00", "csv"},
		"csv by control":         {"a.csv", "", "a\x01b\n1\x012\n", "csv"},
		"csv of markup":          {"a.csv", "", "<b>,c\n1,2\n", "csv"},
		"parquet":                {"a.csv", "text/csv", parquet, "parquet"},
		"avro":                   {"a.csv", "text/csv", "Obj\x01\x04\x14avro.codec\x00", "avro"},
		"csv in gzip":            {"a.csv.gz", "application/gzip", compressed(t, "[a\n1\n"), "csv"},
		"json in gzip":           {"a", "", compressed(t, "[]"), "json"},
		"parquet in gzip":        {"a.gz", "", compressed(t, parquet), "parquet"},
		"avro in any charset":    {"a", "application/avro; charset=binary", "Obj\x01\x04\x14avro.codec\x00", "avro"},
		"orc":                    {"a.csv", "text/csv", "ORC\x08\x03\x00", "orc"},
		"orc by media type":      {"a", "application/x-orc", "ORC\x08\x03\x00", "orc"},
		"csv by control, Obj":    {"a.csv", "", "Obj\x01b\n1\x012\n", "csv"},
	} {
		t.Run(name, func(t *testing.T) {
			body, contentType := datasetstest.Form(t, "file", test.file, test.mediaType, test.content)
			answer := datasetstest.Send(p, caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)
			if got := platformtest.Decode[version](t, answer); got.Format != test.format {
				t.Errorf("format %s, want %s", got.Format, test.format)
			}
		})
	}
}

func TestUpload_InvalidForm_IsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.MaxUploadBytes = 1 << 20 }, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "refused")
	form := func(field, file, mediaType, content string) [2]string {
		body, contentType := datasetstest.Form(t, field, file, mediaType, content)
		return [2]string{body, contentType}
	}
	good := form("file", "a.csv", "text/csv", "a,b\n1,2\n")
	cut := func(n int) [2]string { return [2]string{good[0][:len(good[0])-n], good[1]} }
	boundary := strings.TrimPrefix(good[1], "multipart/form-data; boundary=")
	second := strings.Replace(good[0], "--"+boundary+"--", "--"+boundary+"\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n--"+boundary+"--", 1)
	for name, test := range map[string]struct {
		send   [2]string
		status int
	}{
		"not a form":                 {[2]string{`{"file": "a"}`, "application/json"}, 415},
		"no content type":            {[2]string{"a,b", "nonsense/"}, 415},
		"no boundary":                {[2]string{good[0], "multipart/form-data"}, 400},
		"long boundary":              {[2]string{good[0], "multipart/form-data; boundary=" + strings.Repeat("b", 8000)}, 400},
		"wrong boundary":             {[2]string{good[0], "multipart/form-data; boundary=other"}, 400},
		"empty body":                 {[2]string{"", good[1]}, 400},
		"empty form":                 {[2]string{"--" + boundary + "--\r\n", good[1]}, 422},
		"empty file":                 {form("file", "a.csv", "", ""), 422},
		"wrong field":                {form("data", "a.csv", "", "a\n"), 422},
		"second field":               {[2]string{second, good[1]}, 422},
		"cut in the file":            {cut(len(boundary) + 12), 400},
		"cut in the boundary":        {cut(10), 400},
		"without the end":            {cut(4), 400},
		"cut in the header":          {[2]string{good[0][:len(boundary)+30], good[1]}, 400},
		"cut in a second header":     {[2]string{strings.Replace(good[0], "--"+boundary+"--\r\n", "--"+boundary+"\r\nContent-Dispo", 1), good[1]}, 400},
		"cut before a second header": {[2]string{strings.Replace(good[0], "--"+boundary+"--\r\n", "--"+boundary+"\r\n", 1), good[1]}, 422},
		"huge header":                {[2]string{strings.Replace(good[0], "text/csv", "text/csv; x="+strings.Repeat("x", 11<<20), 1), good[1]}, 400},
		"too large":                  {form("file", "a.csv", "", strings.Repeat("a,b\n", 1<<19)), 413},
		"header of what":             {form("file", "a.csv", "text/csv; header=maybe", "a\n"), 422},
		"gzip cut":                   {form("file", "a.csv.gz", "", "\x1f\x8b\x08\x00\x00\x00\x00\x00"), 422},
		"gzip of nothing":            {form("file", "a.csv.gz", "", compressed(t, "")), 422},
		"gzip of bzip2":              {form("file", "a.csv.gz", "", compressed(t, "BZh91AY&SY\x00")), 415},
		"gzip of gzip":               {form("file", "a.csv.gz", "", compressed(t, compressed(t, "a"))), 422},
		"bzip2":                      {form("file", "a.csv.bz2", "", "BZh91AY&SY\x00"), 415},
		"xz":                         {form("file", "a.csv.xz", "", "\xfd7zXZ\x00"), 415},
		"Excel":                      {form("file", "a.xlsx", "", "PK\x03\x04\x14\x00\x06\x00\x08\x00"+strings.Repeat("\x00", 16)+"\x13\x00\x00\x00[Content_Types].xml\x03\x00"), 415},
		"Avro by name only":          {form("file", "a.avro", "", "a,b\n1,2\n"), 422},
		"Arrow by name only":         {form("file", "a.arrow", "", "a,b\n1,2\n"), 422},
		"Feather of old":             {form("file", "a.feather", "", "FEA1\x00\x00"), 415},
		"ORC by name only":           {form("file", "a.orc", "", "a,b\n1,2\n"), 422},
		"UTF-32":                     {form("file", "a.csv", "", "\xff\xfe\x00\x00a\x00\x00\x00"), 415},
		"unknown charset":            {form("file", "a.csv", "text/csv; charset=klingon", "a,b\n"), 415},
		"HTML":                       {form("file", "a.csv", "text/csv", "<html><body><table><tr><td>1</td></tr></table></body></html>"), 415},
		"HTML with a document type":  {form("file", "a.json", "", "\ufeff\n<!DOCTYPE html>\n<html>"), 415},
		"HTML in UTF-16":             {form("file", "a.csv", "", "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00"), 415},
		"XML":                        {form("file", "a.csv", "", "<?xml version=\"1.0\"?><a/>"), 415},
		"PDF":                        {form("file", "a.csv", "", "%PDF-1.7\n1 0 obj\n"), 415},
		"binary":                     {form("file", "a.csv", "", "a,b\x00\n1,2\n"), 415},
		"half a Parquet file":        {form("file", "a.parquet", "", "PAR1\x15\x04\x15\x00\x15\x04\x15\x00"), 422},
		"a few Parquet bytes":        {form("file", "a.parquet", "", "PAR1\x00PAR1"), 422},
		"Parquet by name only":       {form("file", "a.parquet", "", "a,b\n1,2\n"), 422},
	} {
		t.Run(name, func(t *testing.T) {
			datasetstest.Send(p, caller.Token, d.ID, test.send[0], test.send[1]).Want(t, test.status)
		})
	}
	datasetstest.WantNothingStored(t, p)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Draft || got.Version != 0 {
		t.Errorf("data set %+v after refused uploads, want a draft", got.Dataset)
	}
}

func TestUpload_NotFound(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "mine")

	datasetstest.Upload(t, p, "", d.ID, "a.csv", "a\n1\n").Want(t, http.StatusUnauthorized)
	datasetstest.Upload(t, p, other.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusNotFound)
	datasetstest.Upload(t, p, caller.Token, uuid.New(), "a.csv", "a\n1\n").Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodPost, "/v1/datasets/nonsense/upload", "").Want(t, http.StatusUnprocessableEntity)
	p.Do(caller.Token, http.MethodDelete, "/v1/datasets/"+d.ID.String(), nil).Want(t, http.StatusNoContent)
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusNotFound)
	datasetstest.WantNothingStored(t, p)
	datasetstest.WantRefusals(t, p, "datasets:upload", 3)
}

func TestUpload_Concurrent_GetDistinctVersions(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "busy")
	const uploads = 8
	versions := make([]int, uploads)
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() {
			answer := datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", fmt.Sprintf("a\n%d\n", i))
			if answer.Status != http.StatusCreated {
				t.Errorf("status %d: %s", answer.Status, answer.Body)
				return
			}
			versions[i] = platformtest.Decode[version](t, answer).Version
		})
	}
	all.Wait()
	slices.Sort(versions)
	if want := []int{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(versions, want) {
		t.Errorf("versions %v, want %v", versions, want)
	}
}

// halfway begins an upload and returns once its bytes are on their way to storage.
func halfway(t *testing.T, p *platformtest.Platform, token string, id uuid.UUID, send io.Writer) {
	t.Helper()
	_, _ = fmt.Fprintf(send, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n%s", strings.Repeat("a,b\n", 1<<19))
	datasetstest.WaitFor(t, "the upload to begin", func() bool {
		return datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`) == 1
	})
}

func TestUpload_DataSetDeletedMeanwhile_LeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "vanishing")
	body, send := io.Pipe()
	go func() {
		halfway(t, p, caller.Token, d.ID, send)
		p.Do(caller.Token, http.MethodDelete, "/v1/datasets/"+d.ID.String(), nil)
		_, _ = io.WriteString(send, "\r\n--b--\r\n")
		send.Close()
	}()

	p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/upload", body, "Content-Type", "multipart/form-data; boundary=b").
		Want(t, http.StatusNotFound)

	datasetstest.WantNothingStored(t, p)
	datasetstest.WantRefusals(t, p, "datasets:upload", 1)
}

func TestUpload_ClientDisconnects_LeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "abandoned")
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(connection, "POST /v1/datasets/%s/upload HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n", d.ID, caller.Token)
	halfway(t, p, caller.Token, d.ID, connection)

	connection.Close()

	datasetstest.WaitFor(t, "the upload to be cleared away", func() bool {
		return datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`) == 0
	})
	datasetstest.WantNothingStored(t, p)
}

func TestUpload_FormIsDescribed(t *testing.T) {
	t.Parallel()
	api := runtime.Describe([]function.Declaration{upload.Service})
	media := api.Paths[upload.Service.Operations[0].Path].Post.RequestBody.Content["multipart/form-data"]
	encoded, err := media.MarshalJSON()
	if err != nil || !strings.Contains(string(encoded), `"required":["file"]`) {
		t.Errorf("the form is described as %s (%v)", encoded, err)
	}
}

// A file that would be refused in any case is refused before it arrives.
func TestUpload_RefusedByItsHeader_BodyIsNotRead(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "d")
	protected := datasetstest.Create(t, p, caller.Token, "protected")
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET protected = true WHERE id = $1`, protected.ID); err != nil {
		t.Fatal(err)
	}
	const form, long = "Content-Type: multipart/form-data; boundary=b\r\n", "Content-Length: 10000000000"
	for request, want := range map[string]struct {
		header string
		status int
	}{
		d.ID.String() + "/upload?branch=none":                  {form + long, http.StatusNotFound},
		d.ID.String() + "/upload?branch=none&operation=append": {form + "Transfer-Encoding: chunked", http.StatusNotFound},
		d.ID.String() + "/upload":                              {form + "Content-Length: 1000000000000000", http.StatusRequestEntityTooLarge},
		d.ID.String() + "/upload?operation=upsert":             {form + long, http.StatusUnprocessableEntity},
		protected.ID.String() + "/upload":                      {form + long, http.StatusConflict},
		uuid.NewString() + "/upload":                           {form + long, http.StatusNotFound},
	} {
		if got := platformtest.Unsent(t, p, caller.Token, "POST /v1/datasets/"+request, want.header); got.StatusCode != want.status || !got.Close {
			t.Errorf("%s: %d, closes %t, want %d", request, got.StatusCode, got.Close, want.status)
		}
	}
	datasetstest.WantNothingStored(t, p)
}
