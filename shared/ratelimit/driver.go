package ratelimit

import (
	"errors"
	"strings"
)

// Server is a store on a server of its own.
type Server interface {
	Store
	Close() error
}

var drivers = map[string]func(url string) (Server, error){}

// Register has [Open] open the URLs of a scheme. Packages of drivers call it when they
// are initialized; a program links a driver by a blank import.
func Register(scheme string, open func(url string) (Server, error)) { drivers[scheme] = open }

// Open opens the server that a URL names. The errors never quote it: it may hold a
// password.
func Open(url string) (Server, error) {
	scheme, _, _ := strings.Cut(url, "://")
	open, ok := drivers[scheme]
	if !ok {
		return nil, errors.New("REDIS_URL has a scheme that this program has no driver for")
	}
	return open(url)
}
