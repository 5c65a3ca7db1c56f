package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"function/shared/fault"
	"function/shared/problem"
	"function/shared/trace"
)

// rewrite directs a request to its function. It keeps the path and the query as sent, and the
// forwarding headers of the ingress in front.
func rewrite(r *httputil.ProxyRequest, upstream *url.URL) {
	r.SetURL(upstream)
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
	r.SetXForwarded()
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if said, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = said
		}
	}
	r.Out.Header.Set("Traceparent", string(trace.From(r.In.Context())))
}

// unreachable writes the error for a function that did not respond.
func unreachable(w http.ResponseWriter, r *http.Request, err error) {
	var dial *net.OpError
	switch {
	case r.Context().Err() != nil:
		err = context.Cause(r.Context()) // more precise than the transport's error
	case errors.As(err, &dial) && dial.Op == "dial":
		err = fault.New(fault.Unavailable, "The function behind this path cannot be reached right now; try again").After(time.Second).Because(err)
	default:
		err = fault.New(fault.BadGateway, "The function behind this path ended without a response; the request may have taken effect").Because(err)
	}
	problem.Write(r.Context(), w, err)
}

// discard silences the proxy's own log. If a response ends early, either the function logs the
// reason or the caller has disconnected.
var discard = log.New(io.Discard, "", 0)

// bufferSize is the memory that one request uses for copying in each direction.
const bufferSize = 32 << 10

// buffers reuses the copy buffers to reduce garbage.
var buffers = &bufferPool{sync.Pool{New: func() any { return new([bufferSize]byte) }}}

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte  { return p.pool.Get().(*[bufferSize]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
