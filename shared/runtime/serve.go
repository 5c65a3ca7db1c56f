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

// Health paths, as the func CLI's runtime has them: whether the process should be
// restarted, and whether it takes requests.
const (
	LivenessPath  = "/health/liveness"
	ReadinessPath = "/health/readiness"
)

// Find is the declaration of a function by one of its names; an unknown name is an
// error that lists the known ones.
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

// Single is the handler of a process that serves one function: its operations or
// its requests as they come, its events at POST /, and its health.
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

// HandleHealth adds the health paths. An instance is ready once it is mounted: a
// database that is down makes requests fail with 503, not pods restart.
func HandleHealth(mux *http.ServeMux) {
	for _, path := range []string{LivenessPath, ReadinessPath} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
}

// drainTime is how long requests under way have once the process is told to stop.
const drainTime = 25 * time.Second

// NewServer is an HTTP server that slow or silent clients cannot hold: a body's
// own time limit is each operation's.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// Serve runs one function until ctx ends, then lets what is under way finish.
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

// SetLogger makes the process log through handler, with the trace of each request.
func SetLogger(handler slog.Handler) { slog.SetDefault(slog.New(trace.Handler{Handler: handler})) }

// TuneMemory lets garbage gather, in percent of what is in use, before it is collected,
// within a bound of bytes: a small process that answers thousands of requests a second
// would spend much of its time collecting at Go's default.
func TuneMemory(percent int, bound int64) {
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(bound)
}
