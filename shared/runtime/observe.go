package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"function/shared/client"
	"function/shared/problem"
	"function/shared/trace"
)

// observed adds the trace and the client to each request's context, logs the request, sets the
// headers of every response, and turns a panic into a 500.
func (h *Host) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		parent := trace.Parse(r.Header.Get("traceparent"))
		ctx := client.With(trace.With(r.Context(), parent), client.Of(r, h.proxies))
		request := r.WithContext(ctx)
		body := &countedBody{ReadCloser: r.Body, length: r.ContentLength}
		request.Body = body
		answer := &statusWriter{ResponseWriter: w, body: body}
		answer.Header().Set("X-Content-Type-Options", "nosniff")
		answer.Header().Set("Cache-Control", "no-store")
		answer.Header().Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797; browsers ignore it without TLS (§8.1)
		defer func() {
			if cause := recover(); cause != nil {
				if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(cause)
				}
				slog.ErrorContext(ctx, "panic", "cause", cause, "stack", string(debug.Stack()))
				if answer.status == 0 {
					problem.Of(ctx, fmt.Errorf("panic: %v", cause)).Write(answer)
				}
			}
			slog.InfoContext(ctx, "request", "method", r.Method, "path", r.URL.Path, "status", cmp.Or(answer.status, http.StatusOK), "elapsed_ms", float64(time.Since(began).Microseconds())/1000)
		}()
		next.ServeHTTP(answer, request)
	})
}

// countedBody is a request's body. It may be read by another goroutine than the one that responds.
type countedBody struct {
	io.ReadCloser
	length int64 // negative: not known
	read   atomic.Int64
	ended  atomic.Bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// maxUnread is how much of a refused body is read so that its connection can be used again.
const maxUnread = 256 << 10

// tooLong reports whether more is left of the body than is worth reading.
func (b *countedBody) tooLong() bool {
	return !b.ended.Load() && (b.length < 0 || b.length-b.read.Load() > maxUnread)
}

// statusWriter records the status. It closes the connection of a request that is refused before its
// body has arrived.
type statusWriter struct {
	http.ResponseWriter
	status int
	body   *countedBody
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		if status >= http.StatusBadRequest && w.body.tooLong() {
			w.Header().Set("Connection", "close")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController access to the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
