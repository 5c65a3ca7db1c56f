package directupload_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/objects/objectstest"
)

// breaker is a proxy of a store. While it is armed, it breaks the connection over which the store has sent
// some bytes.
type breaker struct {
	net.Listener
	armed atomic.Int64 // bytes; zero: breaks nothing
}

func newBreaker(t *testing.T, store *objectstest.S3) *breaker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	b := &breaker{Listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", store.Address())
			if err != nil {
				client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); server.Close() }()
			go func() { b.forward(client, server); client.Close() }()
		}
	}()
	return b
}

func (b *breaker) forward(client io.Writer, server io.Reader) {
	var sent int64
	for block := make([]byte, 64<<10); ; {
		n, err := server.Read(block)
		if sent += int64(n); err != nil {
			return
		}
		if limit := b.armed.Load(); limit > 0 && sent > limit && b.armed.CompareAndSwap(limit, 0) {
			return
		}
		if _, err := client.Write(block[:n]); err != nil {
			return
		}
	}
}

// interrupted completes an upload whose first job is interrupted, and returns the content of its file.
func interrupted(t *testing.T) (*client, direct, string) {
	t.Helper()
	store := objectstest.NewS3(t)
	proxy := newBreaker(t, store)
	c := newClientOf(t, store, store.Through(proxy.Addr().String()))
	content := "a,b\n" + strings.Repeat("1,23456789\n", 400_000)
	d := c.arrived(content, nil)
	c.complete(d).Want(t, http.StatusAccepted)
	proxy.armed.Store(2 << 20)
	c.seal(1)
	if s := c.state(d); s.Status != "receiving" || s.Offset == 0 || s.Offset == int64(len(content)) {
		t.Fatalf("state %+v after the connection broke", s)
	}
	return c, d, content
}

func TestDirectUpload_BrokenConnection_IsResumed(t *testing.T) {
	t.Parallel()
	c, _, content := interrupted(t)
	datasetstest.MakeJobsDue(t, c.Platform)
	c.seal(2)
	c.wantFile(1, content)
	c.wantPlain(0)
}

func TestDirectUpload_ReplacedAfterABreak_IsRefused(t *testing.T) {
	t.Parallel()
	c, d, content := interrupted(t)
	c.replace(strings.ReplaceAll(content, "1", "2"))
	datasetstest.MakeJobsDue(t, c.Platform)
	c.seal(2)
	c.failed(1)
	if s := c.state(d); s.Failure == nil || !strings.Contains(*s.Failure, "changed while it was read") {
		t.Errorf("state %+v", s)
	}
	c.wantPlain(0)
}
