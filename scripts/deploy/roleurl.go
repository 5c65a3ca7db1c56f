package main

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// errAdminURL quotes nothing of the URL: what url.Parse complains about may be a password.
var errAdminURL = errors.New(`ADMIN_DATABASE_URL is not postgres://user:password@host/database; write what is special in a URL, such as "#", "/" or "?" in a password, as %23, %2F or %3F`)

func parseAdminURL(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" || u.Fragment != "" || strings.Contains(strings.TrimPrefix(u.Path, "/"), "/") {
		return nil, errAdminURL
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errAdminURL
	}
	return u, nil
}

// roleURL returns the URL of a database on the server of admin, as another role.
func roleURL(admin *url.URL, role, password, database string) string {
	u := *admin
	u.User = url.UserPassword(role, password)
	u.Path, u.RawPath = "/"+database, ""
	query := u.Query()
	for _, of := range []string{"user", "password", "passfile", "dbname", "database"} { // of the administrator
		query.Del(of)
	}
	u.RawQuery = encode(query)
	return u.String()
}

// pooled returns the URL with the size of a pod's pool.
func pooled(value string, size int) (string, error) {
	u, err := url.Parse(value)
	if err != nil {
		return "", errors.New("it is not a URL") // without err, which may quote a password
	}
	query := u.Query()
	query.Set("pool_max_conns", strconv.Itoa(size))
	u.RawQuery = encode(query)
	return u.String(), nil
}

// encode writes spaces as %20, since libpq does not read them as "+".
func encode(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }
