package postgres

import (
	"fmt"
	"net/url"
)

// As returns a connection string of [Server.ConnString] with another role and database.
func As(connString, role, database string) (string, error) {
	u, err := url.Parse(connString)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("connection string of the server is not a URL")
	}
	u.User, u.Path = url.User(role), "/"+database
	return u.String(), nil
}
