// Package driver opens servers by the scheme of their URL, as database/sql does. Driver packages
// register themselves, and a program links a driver by a blank import.
package driver

import (
	"fmt"
	"strings"
)

// Registry holds the drivers for one kind of server.
type Registry[T any] struct {
	setting string // environment variable of the URL, such as REDIS_URL
	open    map[string]func(url string) (T, error)
}

// NewRegistry returns a registry for servers whose URL is in a setting.
func NewRegistry[T any](setting string) *Registry[T] {
	return &Registry[T]{setting: setting, open: map[string]func(string) (T, error){}}
}

// Register adds the driver of a scheme. Drivers call it from init.
func (r *Registry[T]) Register(scheme string, open func(url string) (T, error)) {
	r.open[scheme] = open
}

// Open opens the server at a URL. Errors do not quote the URL, which may contain a password.
func (r *Registry[T]) Open(url string) (server T, err error) {
	scheme, _, _ := strings.Cut(url, "://")
	open, ok := r.open[scheme]
	if !ok {
		return server, fmt.Errorf("%s has a scheme that this program has no driver for", r.setting)
	}
	return open(url)
}
