package walk

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const offsetStream = "application/offset+octet-stream"

// tus sends a request of the protocol for resumable uploads.
func (m *team) tus(method, path string, body io.Reader, status int, headers ...string) answer {
	m.t.Helper()
	contentType := ""
	if body != nil {
		contentType = offsetStream
	}
	a := m.walk.send(method, path, contentType, body, append([]string{"Tus-Resumable", "1.0.0"}, headers...)...)
	if a.status != status {
		m.t.Fatalf("%s %s: %d, want %d\n%s", method, path, a.status, status, a.body)
	}
	return a
}

// acknowledged is where the crash finds the resumable upload.
const acknowledged = 4<<20 + 17

// resumeThroughCrash kills the platform while it receives a file, and continues the upload at the
// offset that the restarted platform reports.
func (m *team) resumeThroughCrash() {
	h := m.create("resumed", "local")
	const rows = 200_000
	var file bytes.Buffer
	file.WriteString("id,v\n")
	for i := range rows {
		fmt.Fprintf(&file, "%d,%x\n", i, sha256.Sum256([]byte(strconv.Itoa(i))))
	}
	content := file.Bytes()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	created := m.tus(http.MethodPost, "/v1/uploads", nil, http.StatusCreated, "Upload-Length", strconv.Itoa(len(content)),
		"Upload-Metadata", "dataset_id "+b64(strings.TrimPrefix(h.path, "/v1/datasets/"))+",filename "+b64("a.csv"))
	upload := strings.TrimPrefix(created.header.Get("Location"), m.url)
	m.tus(http.MethodPatch, upload, bytes.NewReader(content[:acknowledged]), http.StatusNoContent, "Upload-Offset", "0")
	m.crashDuring(upload, content[acknowledged:])

	m.url = m.Restart()
	m.bob.url = m.url
	m.token, m.bob.token = m.logIn(http.StatusOK, password).AccessToken, m.bob.logIn(http.StatusOK, password).AccessToken
	head := m.tus(http.MethodHead, upload, nil, http.StatusOK)
	offset, err := strconv.Atoi(head.header.Get("Upload-Offset"))
	if err != nil || offset < acknowledged || offset >= len(content) {
		m.t.Fatalf("offset %d after a crash (%v); %d bytes had been acknowledged", offset, err, acknowledged)
	}
	m.tus(http.MethodPatch, upload, bytes.NewReader(content[offset:]), http.StatusNoContent, "Upload-Offset", strconv.Itoa(offset))
	h.await(1)
	m.wantFile(h, content)
	m.wantRows("SELECT count(*), count(DISTINCT id), sum(id) FROM resumed",
		[][]string{{strconv.Itoa(rows), strconv.Itoa(rows), strconv.Itoa(rows * (rows - 1) / 2)}})
}

// crashDuring sends half of the rest of an upload, and kills the platform before the other half.
func (m *team) crashDuring(upload string, rest []byte) {
	m.t.Helper()
	body, writer := io.Pipe()
	request, err := http.NewRequest(http.MethodPatch, m.url+upload, body)
	if err != nil {
		m.t.Fatal(err)
	}
	request.ContentLength = int64(len(rest))
	for name, value := range map[string]string{"Authorization": "Bearer " + m.token, "Content-Type": offsetStream,
		"Tus-Resumable": "1.0.0", "Upload-Offset": strconv.Itoa(acknowledged)} {
		request.Header.Set(name, value)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			m.t.Errorf("an upload that a crash interrupts was answered: %s", response.Status)
		}
	}()
	if _, err := writer.Write(rest[:len(rest)/2]); err != nil {
		m.t.Fatal(err)
	}
	m.Crash()
	_ = writer.CloseWithError(io.ErrUnexpectedEOF)
	<-ended
}

// failOver reads from the backup while the store is away. Uploads are refused until it is back.
func (m *team) failOver() {
	h := m.create("stored", "s3")
	content := []byte("id,v\na,1\nb,2\n")
	m.send(h, "", "a.csv", content)
	until(m.client, "the backup", m.BackedUp, func(done bool) bool { return done })
	m.StopStore()
	m.wantFile(h, content)
	m.wantRows("SELECT id, v FROM stored ORDER BY id", [][]string{{"a", "1"}, {"b", "2"}})
	refused := m.form(h, "", "b.csv", []byte("id,v\nc,3\n"))
	if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
		m.t.Fatalf("upload without the store: %d, Retry-After %q\n%s", refused.status, refused.header.Get("Retry-After"), refused.body)
	}
	m.StartStore()
	m.send(h, "", "b.csv", []byte("id,v\nc,3\n"))
	m.wantRows("SELECT id, v FROM stored ORDER BY id", [][]string{{"c", "3"}})
}
