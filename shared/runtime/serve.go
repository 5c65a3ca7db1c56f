package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"function/shared/function"
	"function/shared/trace"
)

// Paths of the health checks, the same as in the func CLI's runtime. A failed liveness check
// restarts the process; a failed readiness check stops requests to it.
const (
	LivenessPath  = "/health/liveness"
	ReadinessPath = "/health/readiness"
)

// Find returns the declaration of a function by one of its names. If there is none, the error lists
// the known names.
func Find(catalog []function.Declaration, name string) (function.Declaration, error) {
	var names []string
	for _, d := range catalog {
		if slices.Contains(d.Services(), name) {
			d.Name = name
			return d, nil
		}
		names = append(names, d.Services()...)
	}
	return function.Declaration{}, fmt.Errorf("K_SERVICE %q is not a function; the functions are: %s", name, strings.Join(names, ", "))
}

// Single returns the handler of a process that serves one function: its operations or raw requests,
// its events at POST /, and the health checks.
func Single(life context.Context, d function.Declaration, env *function.Env) (http.Handler, error) {
	h := NewHost(life)
	if err := h.Mount(d, env); err != nil {
		return nil, err
	}
	handler := h.Handler()
	if requests := h.Requests(d.Name); requests != nil {
		handler = CORS(env.Config, requests)
	}
	mux := http.NewServeMux()
	if receiver := h.Receiver(d.Name); receiver != nil {
		mux.Handle("POST /{$}", receiver)
	}
	HandleHealth(mux)
	return Front(mux, handler), nil
}

// HandleHealth adds the health checks. An instance is ready once it is mounted: a database that is
// down makes requests fail with 503 and does not restart pods.
func HandleHealth(mux *http.ServeMux) {
	for _, path := range []string{LivenessPath, ReadinessPath} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
}

// drainTime is how long requests in progress may take after the process is told to stop.
const drainTime = 25 * time.Second

// NewServer returns an HTTP server with timeouts against slow or silent clients. Each operation
// limits how long its body may take.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// Serve runs one function until ctx ends, then waits for requests in progress.
func Serve(ctx context.Context, d function.Declaration, env *function.Env, listener net.Listener) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	handler, err := Single(life, d, env)
	if err != nil {
		return errors.Join(err, env.Close())
	}
	server := NewServer(handler)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return errors.Join(fmt.Errorf("serve %s: %w", d.Name, err), env.Close())
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err = server.Shutdown(drain); err != nil {
		err = errors.Join(fmt.Errorf("drain %s: %w", d.Name, err), server.Close())
	}
	end()
	return errors.Join(err, env.Close())
}

// SetLogger logs through handler and adds the trace of each request.
func SetLogger(handler slog.Handler) { slog.SetDefault(slog.New(trace.Handler{Handler: handler})) }

// TuneMemory sets the garbage collector's target (in percent, as GOGC) and the memory limit (in
// bytes). With Go's default target, a small process that serves thousands of requests a second
// would spend much of its time collecting garbage.
func TuneMemory(percent int, bound int64) {
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(bound)
}
