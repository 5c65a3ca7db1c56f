package function

import (
	"cmp"
	"time"
)

// DefaultTimeout is the time limit of a request whose function declares none: Knative's own
// default.
const DefaultTimeout = 5 * time.Minute

// Route leads to one HTTP operation.
type Route struct {
	Method  string
	Path    string        // in the syntax of http.ServeMux: /v1/datasets/{id}
	Service string        // the function that serves it
	Timeout time.Duration // per request
}

// Routes returns the routes of all public operations, in the catalog's order.
func Routes(catalog []Declaration) []Route {
	var routes []Route
	for _, d := range catalog {
		for _, operation := range d.Operations {
			if operation.IsClusterLocal {
				continue
			}
			routes = append(routes, Route{
				Method: operation.Method, Path: operation.Path,
				Service: d.Name, Timeout: cmp.Or(d.Scale.Timeout, DefaultTimeout),
			})
		}
	}
	return routes
}
