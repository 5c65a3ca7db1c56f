// Package function is the contract of the func CLI (knative.dev/func): New makes
// an instance, which serves the function that K_SERVICE names.
//
// The CLI's runtime gives every request 30 seconds from its first byte to its last;
// Handle lifts that, as in knative/serve: a body's time limit is its operation's.
package function

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"function/functions"
	_ "function/shared/drivers"
	"function/shared/function"
	"function/shared/runtime"
)

// Function is one instance, for the life of a process.
type Function struct{ mounted atomic.Pointer[mounted] }

type mounted struct {
	http.Handler
	env *function.Env
	end context.CancelFunc
}

// New makes an instance; Start mounts its function.
func New() *Function {
	runtime.SetLogger(slog.NewJSONHandler(os.Stdout, nil))
	return &Function{}
}

// Start mounts the function that K_SERVICE names.
func (f *Function) Start(ctx context.Context, _ map[string]string) error {
	config, err := function.ConfigFromEnvironment(ctx)
	if err != nil {
		return err
	}
	declaration, err := runtime.Find(functions.Catalog, os.Getenv("K_SERVICE"))
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	env := function.NewEnv(config)
	handler, err := runtime.Single(life, declaration, env)
	if err != nil {
		end()
		return errors.Join(err, env.Close())
	}
	f.mounted.Store(&mounted{Handler: handler, env: env, end: end})
	return nil
}

// Ready tells whether Start has mounted the function.
func (f *Function) Ready(context.Context) (bool, error) { return f.mounted.Load() != nil, nil }

// Handle serves a request, which may last longer than the runtime's server allows.
func (f *Function) Handle(w http.ResponseWriter, r *http.Request) {
	m := f.mounted.Load()
	if m == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	connection := http.NewResponseController(w)
	if err := errors.Join(connection.SetReadDeadline(time.Time{}), connection.SetWriteDeadline(time.Time{})); err != nil {
		slog.WarnContext(r.Context(), "lift the deadlines of a request", "error", err)
	}
	m.ServeHTTP(w, r)
}

// Stop ends events under way and closes what was opened.
func (f *Function) Stop(context.Context) error {
	m := f.mounted.Load()
	if m == nil {
		return nil
	}
	m.end()
	return m.env.Close()
}
