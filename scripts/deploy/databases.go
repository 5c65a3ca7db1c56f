package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const storesFolder = "knative/stores"

func storeFolder(store string) string { return filepath.Join(storesFolder, store) }

// storeNamespace is where a store lives: PostgreSQL is with the core services.
func storeNamespace(store string) string {
	if store == "postgresql" {
		return platformNamespace
	}
	return namespace
}

func checkStores(stores []string) error {
	folders, err := os.ReadDir(storesFolder)
	if err != nil {
		return err
	}
	var names []string
	for _, folder := range folders {
		names = append(names, folder.Name())
	}
	for _, store := range stores {
		if !slices.Contains(names, store) {
			return fmt.Errorf("there is no store %s; there are: %s", store, strings.Join(names, " "))
		}
	}
	return nil
}

func (d *deployment) deployDatabases(ctx context.Context) error {
	d.say("namespace and secrets")
	if err := d.kubectl.apply(ctx, nil, "-f", "knative/base/namespace.yaml"); err != nil {
		return err
	}
	if d.has("postgresql") {
		if err := d.kubectl.apply(ctx, nil, "-f", storeFolder("postgresql")+"/namespace.yaml"); err != nil {
			return err
		}
	}
	if err := d.makeSecrets(ctx); err != nil {
		return err
	}
	for _, store := range d.stores {
		d.say("store %s", store)
		if err := d.kubectl.apply(ctx, nil, "-k", storeFolder(store)); err != nil {
			return err
		}
	}
	for _, store := range d.stores {
		if err := d.awaitStore(ctx, store); err != nil {
			return d.explain(ctx, storeNamespace(store), "statefulset", store, "app="+store, err)
		}
	}
	return nil
}

func (d *deployment) awaitStore(ctx context.Context, store string) error {
	timeout := fmt.Sprintf("--timeout=%.0fs", d.timeout.Seconds())
	return d.kubectl.show(ctx, "-n", storeNamespace(store), "rollout", "status", "statefulset/"+store, timeout)
}
