// Package driver finds what opens a URL by its scheme, as database/sql does: packages of
// drivers register themselves, and a program links a driver by a blank import.
package driver

import (
	"fmt"
	"strings"
)

// Registry holds the drivers of one kind of server.
type Registry[T any] struct {
	setting string // that holds the URL, such as REDIS_URL
	open    map[string]func(url string) (T, error)
}

// NewRegistry makes a registry for the servers that a setting names.
func NewRegistry[T any](setting string) *Registry[T] {
	return &Registry[T]{setting: setting, open: map[string]func(string) (T, error){}}
}

// Register adds the driver of a scheme. It is called when packages are initialized.
func (r *Registry[T]) Register(scheme string, open func(url string) (T, error)) {
	r.open[scheme] = open
}

// Open opens the server that a URL names. The errors never quote the URL, because it may
// hold a password.
func (r *Registry[T]) Open(url string) (server T, err error) {
	scheme, _, _ := strings.Cut(url, "://")
	open, ok := r.open[scheme]
	if !ok {
		return server, fmt.Errorf("%s has a scheme that this program has no driver for", r.setting)
	}
	return open(url)
}
