package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// makeSecrets makes the secrets that are missing.
func (d *deployment) makeSecrets(ctx context.Context) error {
	if err := d.checkSources(ctx); err != nil {
		return err
	}
	if d.has("postgresql") {
		if err := d.ensure(ctx, secret{platformNamespace, "postgresql-secret", []entry{given("password", newPassword())}}); err != nil {
			return err
		}
	}
	if err := d.makeMigrateSecret(ctx); err != nil {
		return err
	}
	for _, s := range d.secrets(ctx) {
		if err := d.ensure(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// secrets are those that the functions and the other stores read.
func (d *deployment) secrets(ctx context.Context) []secret {
	pooled := func(key string) (string, error) { return d.pooled(ctx, key) }
	users := secret{namespace, "user-management-secret", []entry{
		{key: "USERS_DATABASE_URL", value: pooled},
		{key: "IDENTITY_DATABASE_URL", value: pooled},
		given("KEY_ENCRYPTION_KEY_URL", newEncryptionKeyURL()),
		given("BLIND_INDEX_KEY", newBlindIndexKey()),
	}}
	if d.smtpURL != "" {
		users.entries = append(users.entries, given("SMTP_URL", d.smtpURL))
	}
	secrets := []secret{
		users,
		{namespace, "data-management-secret", []entry{
			{key: "DATASETS_DATABASE_URL", value: pooled},
			{key: "DATASETS_AUDIT_DATABASE_URL", value: pooled, late: true},
			given("KEY_ENCRYPTION_KEY_URL", newEncryptionKeyURL()),
			given("BLIND_INDEX_KEY", newBlindIndexKey()),
		}},
		{namespace, "analytics-secret", []entry{
			{key: "ANALYTICS_DATABASE_URL", value: pooled},
			{key: "ANALYTICS_AUDIT_DATABASE_URL", value: pooled, late: true},
			{key: "CATALOG_DATABASE_URL", value: pooled},
			{key: "READER_DATABASE_URL", value: pooled},
		}},
		{namespace, "compliance-secret", []entry{{key: "COMPLIANCE_DATABASE_URL", value: pooled, late: true}}},
		{namespace, "data-storage-secret", d.storage.entries()},
	}
	for _, store := range []string{"mongodb", "clickhouse", "redis"} {
		if d.has(store) {
			secrets = append(secrets, secret{namespace, store + "-secret", []entry{given("password", newPassword())}})
		}
	}
	return secrets
}

// pooled returns a URL of migrate-secret with the size of a pod's pool.
func (d *deployment) pooled(ctx context.Context, key string) (string, error) {
	value, err := d.need(ctx, namespace, "migrate-secret", key)
	if err != nil {
		return "", err
	}
	if value, err = pooled(value, d.poolSize); err != nil {
		return "", fmt.Errorf("%s in migrate-secret: %w", key, err)
	}
	return value, nil
}

// checkSources refuses a deployment without a database or object storage, before any
// secret is made.
func (d *deployment) checkSources(ctx context.Context) error {
	migrate, err := d.secret(ctx, namespace, "migrate-secret")
	if err != nil {
		return err
	}
	if migrate == nil && d.adminURL == "" && !d.has("postgresql") {
		postgresql, err := d.secret(ctx, platformNamespace, "postgresql-secret")
		if err != nil {
			return err
		}
		if postgresql == nil {
			return errors.New("there is no PostgreSQL: give ADMIN_DATABASE_URL, or postgresql among the stores")
		}
	}
	objects, err := d.secret(ctx, namespace, "data-storage-secret")
	if err != nil || objects != nil {
		return err
	}
	if d.storage.url == "" && !d.has("object-storage") {
		return errors.New("there is no object storage: give STORAGE_URL, or object-storage among the stores")
	}
	return d.storage.checkAccess()
}

func (d *deployment) has(store string) bool { return slices.Contains(d.stores, store) }

// ownStorage is the object storage of knative/stores.
const ownStorage = "s3://datasets?region=us-east-1&use_path_style=true&endpoint=http://object-storage-service." + namespace + ".svc.cluster.local:7070"

// storage is object storage that is there already.
type storage struct{ url, accessKeyID, secretAccessKey string }

func (s storage) check() error {
	if (s.accessKeyID == "") != (s.secretAccessKey == "") {
		return errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: give both or neither")
	}
	return nil
}

// entries are the keys of data-storage-secret. The cluster's own storage takes the access
// key that the secret gives it.
func (s storage) entries() []entry {
	if s.url == "" {
		return []entry{
			given("STORAGE_LOCAL_URL", ownStorage),
			given("AWS_ACCESS_KEY_ID", cmp.Or(s.accessKeyID, newAccessKeyID())),
			given("AWS_SECRET_ACCESS_KEY", cmp.Or(s.secretAccessKey, newPassword())),
		}
	}
	entries := []entry{given("STORAGE_LOCAL_URL", s.url)}
	if s.accessKeyID != "" {
		entries = append(entries, given("AWS_ACCESS_KEY_ID", s.accessKeyID), given("AWS_SECRET_ACCESS_KEY", s.secretAccessKey))
	}
	return entries
}

// checkAccess refuses a bucket without an access key.
func (s storage) checkAccess() error {
	if strings.HasPrefix(s.url, "s3:") && s.accessKeyID == "" {
		return errors.New("STORAGE_URL is a bucket: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too, or make the secret data-storage-secret yourself (docs/operations.md, \"Secrets\")")
	}
	return nil
}
