package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
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
		answer := &statusWriter{ResponseWriter: w}
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
		next.ServeHTTP(answer, r.WithContext(ctx))
	})
}

// statusWriter records the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
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
