// Package gateway gives the platform one host: each routed path and method is
// passed on to the function that answers it, as the caller sent it; nothing else of
// a function is reachable. It runs when a request comes to the platform's host, or
// to one of the hosts of docs/contract.md, which answer for some domains only.
//
// Knative routes by host, not by path; a cluster with a Gateway API gateway needs
// none of this and applies knative/routes.
package gateway

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"function/shared/function"
	"function/shared/runtime"
)

// Names are the further hosts of this function: the services of docs/contract.md.
var Names = []string{userManagement, dataManagement, analytics}

const (
	userManagement = "user-management-service"
	dataManagement = "data-management-service"
	analytics      = "analytics-service"
)

// domains lists what a host answers for; a host that is not listed, for everything.
var domains = map[string][]string{
	userManagement: {"users", "compliance"},
	dataManagement: {"datasets"},
	analytics:      {"analytics"},
}

// Service declares the function.
var Service = function.Service("platform-gateway", New,
	function.OnRequest((*Function).Pass),
)

// Function passes requests on.
type Function struct {
	routed    http.Handler
	transport *http.Transport
}

// New lays out the routes; it connects to nothing.
func New(_ context.Context, env *function.Env) (*Function, error) {
	f := &Function{transport: newTransport()}
	mux := http.NewServeMux()
	for _, route := range routes {
		domain, _, _ := strings.Cut(route.Service, "-")
		if answered, ok := domains[env.Name]; ok && !slices.Contains(answered, domain) {
			continue
		}
		upstream := &url.URL{Scheme: "http", Host: route.Service + "." + env.Config.ServicesDomain}
		mux.Handle(route.Method+" "+route.Path, within(route.Timeout, f.proxy(upstream)))
	}
	f.routed = runtime.Routed(mux)
	env.OnClose(func() error { f.transport.CloseIdleConnections(); return nil })
	return f, nil
}

// Pass passes one request on.
func (f *Function) Pass(w http.ResponseWriter, r *http.Request) { f.routed.ServeHTTP(w, r) }

// newTransport changes nothing of what passes: it neither compresses nor follows
// the environment's proxies.
func newTransport() *http.Transport {
	return &http.Transport{
		DisableCompression:    true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: 10 * time.Second, // a function that starts from zero answers later than a second
	}
}

func (f *Function) proxy(upstream *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { rewrite(r, upstream) },
		Transport:     f.transport,
		FlushInterval: -1, // each piece of an answer as it comes
		BufferPool:    buffers,
		ErrorHandler:  unreachable,
		ErrorLog:      discard,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Del("Cache-Control") // the function says how to treat its answer
		w.Header().Del("X-Content-Type-Options")
		w.Header().Del("Strict-Transport-Security")
		proxy.ServeHTTP(w, r)
	})
}

// within ends a request that takes longer than its function may.
func within(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
