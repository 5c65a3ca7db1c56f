package function

import (
	"cmp"
	"time"
)

// DefaultTimeout is how long a request may take where the function does not say:
// Knative's own default.
const DefaultTimeout = 5 * time.Minute

// Route is the way to one HTTP operation.
type Route struct {
	Method  string
	Path    string        // in the syntax of http.ServeMux: /v1/datasets/{id}
	Service string        // the function that answers
	Timeout time.Duration // of one request
}

// Routes are the ways to every operation that is for the world, in the catalog's order.
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
