package main

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// ownPostgres is the PostgreSQL of knative/stores.
const ownPostgres = "postgresql-service." + platformNamespace + ".svc.cluster.local:5432"

// roles are the database roles that the migrations make: under which key of
// migrate-secret, and of which database.
var roles = []struct {
	key, role, database string
	late                bool
}{
	{"USERS_DATABASE_URL", "user_management", "user_management_db", false},
	{"DATASETS_DATABASE_URL", "data_management", "data_management_db", false},
	{"ANALYTICS_DATABASE_URL", "analytics", "analytics_db", false},
	{"IDENTITY_DATABASE_URL", "token_verifier", "user_management_db", false},
	{"CATALOG_DATABASE_URL", "catalog_reader", "data_management_db", false},
	{"READER_DATABASE_URL", "analytics_reader", "analytics_db", false},
	{"COMPLIANCE_DATABASE_URL", "compliance", "user_management_db", true},
	{"DATASETS_AUDIT_DATABASE_URL", "audit_reader", "data_management_db", true},
	{"ANALYTICS_AUDIT_DATABASE_URL", "audit_reader", "analytics_db", true},
}

// makeMigrateSecret reads the administrator's URL only for what is missing: a secret from
// another source may have it in another form.
func (d *deployment) makeMigrateSecret(ctx context.Context) error {
	existing, err := d.secret(ctx, namespace, "migrate-secret")
	if err != nil {
		return err
	}
	administrator := func(string) (string, error) { return d.administrator(ctx, existing) }
	passwords := passwordsOf(existing)
	entries := []entry{{key: "ADMIN_DATABASE_URL", value: administrator}}
	for _, r := range roles {
		if passwords[r.role] == "" {
			passwords[r.role] = newPassword()
		}
		entries = append(entries, entry{key: r.key, late: r.late, value: func(key string) (string, error) {
			value, err := administrator(key)
			if err != nil {
				return "", err
			}
			admin, err := parseAdminURL(value)
			if err != nil {
				return "", err
			}
			return roleURL(admin, r.role, passwords[r.role], r.database), nil
		}})
	}
	return d.ensure(ctx, secret{namespace, "migrate-secret", entries})
}

// administrator returns the URL that databases and roles are made by.
func (d *deployment) administrator(ctx context.Context, migrate map[string][]byte) (string, error) {
	if migrate != nil {
		return d.need(ctx, namespace, "migrate-secret", "ADMIN_DATABASE_URL")
	}
	if d.adminURL != "" {
		return d.adminURL, nil
	}
	password, err := d.need(ctx, platformNamespace, "postgresql-secret", "password")
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password), Host: ownPostgres, Path: "/postgres"}
	return u.String(), nil
}

// passwordsOf returns each role's password as the secret has it. A role that several keys
// name has one password.
func passwordsOf(migrate map[string][]byte) map[string]string {
	passwords := map[string]string{}
	for _, r := range roles {
		if u, err := url.Parse(string(migrate[r.key])); err == nil && u.User.Username() == r.role {
			if password, ok := u.User.Password(); ok {
				passwords[r.role] = password
			}
		}
	}
	return passwords
}

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
