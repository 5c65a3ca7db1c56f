package transfer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"function/shared/fault"
)

// The server stops waiting for a client that sends part of a body and then nothing.
func TestIdleTimeoutReader_ClientStalls_Fails(t *testing.T) {
	t.Parallel()
	result := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reader := IdleTimeoutReader(w, r.Body).(idleTimeoutReader)
		reader.timeout = 50 * time.Millisecond
		_, err := io.Copy(io.Discard, reader)
		result <- err
	}))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nabc")
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading from a stalled client: %v", err)
	}
	if f, ok := fault.As(interrupted(os.ErrDeadlineExceeded)); !ok || f.Kind != fault.Malformed {
		t.Errorf("a stalled client gets %v", f)
	}
}

// Any input is read without a panic, every refusal is the sender's fault, and accepted content is
// part of what was sent.
func FuzzForm(f *testing.F) {
	f.Add("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\na,b\n1,2\n\r\n--b--\r\n")
	f.Add("--b\nContent-Disposition: form-data; name=file\nContent-Type: text/csv; header=absent\n\nPAR1\x00PAR1\n--b--")
	f.Add("--b\r\nX-Unended: yes\r\n\r\n")
	f.Add("preamble\r\n--b \t\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n=41=\r\n--b--")
	f.Fuzz(func(t *testing.T, body string) {
		file, err := OpenForm("multipart/form-data; boundary=b", strings.NewReader(body))
		var got bytes.Buffer
		var content Content
		if err == nil {
			content, err = file.CopyTo(&got, 1<<20)
		}
		if err != nil {
			if known, ok := fault.As(err); !ok || known.Kind == fault.Internal {
				t.Errorf("%q is refused with %v", body, err)
			}
			return
		}
		if content.Size == 0 || content.Size != int64(got.Len()) || len(content.SHA256) != 32 {
			t.Errorf("%q gives %+v and %d bytes", body, content, got.Len())
		}
		if !strings.Contains(body, "--b--") {
			t.Errorf("%q is incomplete but accepted", body)
		}
	})
}
