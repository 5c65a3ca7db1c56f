// Package gateway serves the whole API on one host. It forwards each routed path and method
// unchanged to the function that handles it, and every request that an S3 client has signed to datasets-s3;
// nothing else of a function is reachable. It runs for requests to the platform's host, and to the hosts in
// docs/contract.md, which serve certain domains only.
//
// Knative routes by host, not by path. A cluster with a Gateway API gateway does not need this
// function and applies knative/routes instead.
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

// Names lists the additional hosts of this function: the services in docs/contract.md.
var Names = []string{userManagement, dataManagement, analytics}

const (
	userManagement = "user-management-service"
	dataManagement = "data-management-service"
	analytics      = "analytics-service"
)

// domains lists the domains that a host serves. A host that is not listed serves all of them.
var domains = map[string][]string{
	userManagement: {"users", "compliance"},
	dataManagement: {"datasets"},
	analytics:      {"analytics"},
}

// The function that receives the requests of S3 clients (function.OnSigned), and its timeout.
const (
	s3Service = "datasets-s3"
	s3Timeout = 10 * time.Minute
)

// Service declares the function.
var Service = function.Service("platform-gateway", New,
	function.OnRequest((*Function).Pass),
)

// Function forwards requests.
type Function struct {
	routed    http.Handler
	transport *http.Transport
}

// New builds the routes. It opens no connections.
func New(_ context.Context, env *function.Env) (*Function, error) {
	f := &Function{transport: newTransport()}
	mux := http.NewServeMux()
	for _, route := range routes {
		domain, _, _ := strings.Cut(route.Service, "-")
		if served, ok := domains[env.Name]; ok && !slices.Contains(served, domain) {
			continue
		}
		upstream := &url.URL{Scheme: "http", Host: route.Service + "." + env.Config.ServicesDomain}
		mux.Handle(route.Method+" "+route.Path, within(route.Timeout, f.proxy(upstream)))
	}
	var signed http.Handler
	if served, ok := domains[env.Name]; !ok || slices.Contains(served, "datasets") {
		upstream := &url.URL{Scheme: "http", Host: s3Service + "." + env.Config.ServicesDomain}
		signed = within(s3Timeout, f.proxy(upstream))
	}
	f.routed = runtime.Signed(signed, runtime.Routed(mux))
	env.OnClose(func() error { f.transport.CloseIdleConnections(); return nil })
	return f, nil
}

// Pass forwards one request.
func (f *Function) Pass(w http.ResponseWriter, r *http.Request) { f.routed.ServeHTTP(w, r) }

// newTransport returns a transport that does not alter requests or responses: it neither
// compresses nor uses the proxies of the environment.
func newTransport() *http.Transport {
	return &http.Transport{
		DisableCompression:    true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: 10 * time.Second, // a function that scales from zero takes longer than a second
	}
}

func (f *Function) proxy(upstream *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { rewrite(r, upstream) },
		Transport:     f.transport,
		FlushInterval: -1, // forward each part of a response immediately
		BufferPool:    buffers,
		ErrorHandler:  unreachable,
		ErrorLog:      discard,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Del("Cache-Control") // the function's own headers apply
		w.Header().Del("X-Content-Type-Options")
		w.Header().Del("Strict-Transport-Security")
		proxy.ServeHTTP(w, r)
	})
}

// within cancels a request that exceeds its function's timeout.
func within(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
