package main

import (
	"cmp"
	"errors"
	"strings"
)

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
