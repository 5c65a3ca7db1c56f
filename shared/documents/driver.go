package documents

import "function/shared/driver"

// Server is a store that runs as a separate server.
type Server interface {
	Store
	Close() error
}

// Drivers opens the server at MONGODB_URL.
var Drivers = driver.NewRegistry[Server]("MONGODB_URL")
