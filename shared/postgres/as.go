package postgres

import (
	"fmt"
	"net/url"
)

// As turns a connection string of [Server.ConnString] into that of another role
// and database on the same server.
func As(connString, role, database string) (string, error) {
	u, err := url.Parse(connString)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("connection string of the server is not a URL")
	}
	u.User, u.Path = url.User(role), "/"+database
	return u.String(), nil
}
