package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// secret is a secret that the platform needs.
type secret struct {
	namespace, name string
	entries         []entry
}

// entry is a key of a secret and how to make its value, which is given the key.
type entry struct {
	key   string
	value func(key string) (string, error)
	late  bool // an older release did not have it: added to a secret that exists
}

func given(key, value string) entry {
	return entry{key: key, value: func(string) (string, error) { return value, nil }}
}

// ensure makes a secret, or adds the late keys that it lacks. It never changes a value.
func (d *deployment) ensure(ctx context.Context, s secret) error {
	existing, err := d.secret(ctx, s.namespace, s.name)
	if err != nil {
		return err
	}
	added := map[string][]byte{}
	for _, e := range s.entries {
		if len(existing[e.key]) > 0 || existing != nil && !e.late {
			continue
		}
		value, err := e.value(e.key)
		if err != nil {
			return err
		}
		added[e.key] = []byte(value)
	}
	switch {
	case existing == nil:
		return d.create(ctx, s, added)
	case len(added) > 0:
		return d.complete(ctx, s, existing, added)
	}
	d.say("  secret %s: kept", s.name)
	return nil
}

func (d *deployment) create(ctx context.Context, s secret, values map[string][]byte) error {
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": s.name, "namespace": s.namespace}, "data": values,
	})
	if err != nil {
		return err
	}
	if _, err := d.kubectl.run(ctx, manifest, "-n", s.namespace, "create", "-f", "-"); err != nil {
		return err
	}
	d.remember(s.namespace, s.name, values)
	d.say("  secret %s: made", s.name)
	return nil
}

func (d *deployment) complete(ctx context.Context, s secret, existing, added map[string][]byte) error {
	patch, err := json.Marshal(map[string]any{"data": added})
	if err != nil {
		return err
	}
	if _, err := d.kubectl.run(ctx, patch, "-n", s.namespace, "patch", "secret", s.name, "--type", "merge", "--patch-file=/dev/stdin"); err != nil {
		return err
	}
	maps.Copy(existing, added)
	for _, key := range slices.Sorted(maps.Keys(added)) {
		d.say("  secret %s: %s added", s.name, key)
	}
	return nil
}

// secret returns the values of a secret, or nil if there is none. Each is read once.
func (d *deployment) secret(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	if values, ok := d.known[namespace+"/"+name]; ok {
		return values, nil
	}
	var found struct{ Data map[string][]byte }
	exists, err := d.kubectl.get(ctx, &found, "-n", namespace, "secret", name)
	if err != nil || !exists {
		return nil, err
	}
	if found.Data == nil {
		found.Data = map[string][]byte{}
	}
	d.remember(namespace, name, found.Data)
	return found.Data, nil
}

func (d *deployment) remember(namespace, name string, values map[string][]byte) {
	if d.known == nil {
		d.known = map[string]map[string][]byte{}
	}
	d.known[namespace+"/"+name] = values
}

// need returns a value of a secret that has to be there.
func (d *deployment) need(ctx context.Context, namespace, name, key string) (string, error) {
	values, err := d.secret(ctx, namespace, name)
	if err != nil {
		return "", err
	}
	if len(values[key]) == 0 {
		return "", fmt.Errorf("the secret %s in %s has no %s: add it (docs/operations.md, \"Secrets\")", name, namespace, key)
	}
	return string(values[key]), nil
}

func newPassword() string    { return hex.EncodeToString(random(24)) }
func newAccessKeyID() string { return hex.EncodeToString(random(10)) }
func newBlindIndexKey() string {
	return base64.StdEncoding.EncodeToString(random(32))
}
func newEncryptionKeyURL() string {
	return "base64key://" + base64.URLEncoding.EncodeToString(random(32))
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b) // it never fails
	return b
}
