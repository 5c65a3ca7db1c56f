package uploads_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"function/functions/datasets/datasetstest"
)

// connection is one request whose body is sent by hand.
type connection struct {
	net.Conn
	t testing.TB
}

// begin sends the header of a PATCH and the start of its body.
func (c *client) begin(path string, offset, length int, start string) connection {
	c.t.Helper()
	host := strings.TrimPrefix(c.p.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	connection := connection{conn, c.t}
	connection.send(fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n\r\n%s",
		path, host, c.token, offset, length, start))
	return connection
}

func (c connection) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c connection) status() string {
	c.t.Helper()
	response, err := io.ReadAll(io.LimitReader(c, 12))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(response)
}

// waitWriters waits until n requests have taken the upload.
func (c *client) waitWriters(path string, n int) {
	datasetstest.WaitFor(c.t, "the request to begin", func() bool {
		return datasetstest.Count(c.t, c.p, `SELECT writer FROM uploads WHERE '/v1/uploads/' || id = $1`, path) == n
	})
}

func TestUploads_StuckRequest_IsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(8)
	stuck := c.begin(path, 0, 8, "x,y\n9")
	c.waitWriters(path, 1)

	c.wantOffset(path, 0)
	c.patch(path, 0, "a,b\n").Want(t, http.StatusNoContent) // does not wait for the stuck request

	stuck.send(",9\n")
	if got := stuck.status(); got != "HTTP/1.1 409" {
		t.Errorf("the replaced request is answered with %s, want a conflict", got)
	}
	c.wantOffset(path, 4)
	c.wantVersion(c.patch(path, 4, "1,2\n").Want(t, http.StatusNoContent), 1, "a,b\n1,2\n")
	if n := datasetstest.Count(t, c.p, `SELECT count(*) FROM staged_objects`); n != 0 {
		t.Errorf("%d staged objects", n)
	}
}

func TestUploads_StuckRequest_CannotCommitAfterTermination(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(8)
	stuck := c.begin(path, 0, 8, "a,b\n")
	c.waitWriters(path, 1)

	c.send(http.MethodDelete, path, "").Want(t, http.StatusNoContent)

	stuck.send("1,2\n")
	if got := stuck.status(); got != "HTTP/1.1 409" {
		t.Errorf("the request is answered with %s, want a conflict", got)
	}
	datasetstest.WantNothingStored(t, c.p)
}

func TestUploads_BrokenConnection_KeepsWhatArrived(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(8)
	broken := c.begin(path, 0, 8, "a,b\n1")
	c.waitWriters(path, 1)
	broken.Close()

	datasetstest.WaitFor(t, "the part to be committed", func() bool {
		return c.send(http.MethodHead, path, "").Header.Get("Upload-Offset") == "5"
	})
	c.wantVersion(c.patch(path, 5, ",2\n").Want(t, http.StatusNoContent), 1, "a,b\n1,2\n")
}

func TestUploads_ConcurrentRequests_StoreTheBytesOfOne(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(8)
	statuses := make([]int, 12)
	var sending sync.WaitGroup
	for i := range statuses {
		sending.Go(func() { statuses[i] = c.patch(path, 0, fmt.Sprintf("a%02d\n", i)).Status })
	}
	sending.Wait()
	winner := -1
	for i, status := range statuses {
		switch {
		case status == http.StatusNoContent && winner < 0:
			winner = i
		case status != http.StatusConflict:
			t.Errorf("request %d: status %d, and %d has won", i, status, winner)
		}
	}
	if winner < 0 {
		t.Fatal("no request has won")
	}
	c.wantVersion(c.patch(path, 4, "123\n").Want(t, http.StatusNoContent), 1, fmt.Sprintf("a%02d\n123\n", winner))
	if n := datasetstest.Objects(t, c.p); n != 2 {
		t.Errorf("%d objects, want 2", n)
	}
}

// TestUploads_LargeRequest_IsCommittedInParts also concatenates more than one part of a request.
func TestUploads_LargeRequest_IsCommittedInParts(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const part = 64 << 20
	content := append([]byte("a\n"), bytes.Repeat([]byte("12345678901234567890123456789012345678901234567890123456789012\n"), (part+part/8)/63)...)
	path := c.create(len(content))
	body, feed := io.Pipe()
	answered := make(chan int)
	go func() {
		request, _ := http.NewRequest(http.MethodPatch, c.p.URL+path, body)
		request.ContentLength = int64(len(content))
		for i, fields := 0, []string{"Authorization", "Bearer " + c.token, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"}; i < len(fields); i += 2 {
			request.Header.Set(fields[i], fields[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	if _, err := feed.Write(content[:part+1<<20]); err != nil {
		t.Fatal(err)
	}
	received := func() int { return datasetstest.Count(t, c.p, `SELECT received FROM uploads`) }
	datasetstest.WaitFor(t, "the first part", func() bool { return received() >= part })

	feed.CloseWithError(io.ErrUnexpectedEOF) // the client dies
	<-answered

	datasetstest.WaitFor(t, "the second part", func() bool {
		return datasetstest.Count(t, c.p, `SELECT count(*) FROM upload_parts`) == 2
	})
	last := c.patch(path, received(), string(content[received():])).Want(t, http.StatusNoContent)
	c.wantVersion(last, 1, string(content))
}
