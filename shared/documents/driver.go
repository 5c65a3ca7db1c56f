package documents

import "function/shared/driver"

// Server is a store on a server of its own.
type Server interface {
	Store
	Close() error
}

// Drivers open the servers that MONGODB_URL names.
var Drivers = driver.NewRegistry[Server]("MONGODB_URL")
