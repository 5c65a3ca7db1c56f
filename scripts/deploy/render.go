package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// imagePlaceholder is where the manifests name the functions' image.
var imagePlaceholder = regexp.MustCompile(`(?m)^( *(?:- )?image:) aic-data$`)

// render returns the manifests of the functions, the broker and the triggers.
func (d *deployment) render(ctx context.Context) ([]byte, error) {
	folders := []string{d.overlay}
	if !isFolder(d.overlay) {
		folders = []string{filepath.Join("knative/overlays", d.overlay), filepath.Join("eventing/overlays", d.overlay)}
	}
	for _, folder := range folders {
		if !isFolder(folder) {
			return nil, fmt.Errorf("there is no overlay %s: %s is missing", d.overlay, folder)
		}
	}
	manifests, err := d.kustomize(ctx, folders...)
	if err != nil || d.image == "" {
		return manifests, err
	}
	return imagePlaceholder.ReplaceAll(manifests, []byte("${1} "+d.image)), nil // a reference has no $
}

func (d *deployment) kustomize(ctx context.Context, folders ...string) ([]byte, error) {
	var manifests bytes.Buffer
	for _, folder := range folders {
		rendered, err := d.kubectl.run(ctx, nil, "kustomize", folder)
		if err != nil {
			return nil, err
		}
		manifests.WriteString("---\n")
		manifests.Write(rendered)
	}
	return manifests.Bytes(), nil
}

// print writes the manifests that the command would apply.
func (d *deployment) print(ctx context.Context, out io.Writer) error {
	var folders []string
	if d.command != "services" {
		for _, store := range d.stores {
			folders = append(folders, storeFolder(store))
		}
	}
	manifests, err := d.kustomize(ctx, folders...)
	if err != nil {
		return err
	}
	if d.command != "databases" {
		rendered, err := d.render(ctx)
		if err != nil {
			return err
		}
		if d.image == "" {
			d.say("deploy: there is no image yet: the manifests name aic-data in its place")
		}
		manifests = append(manifests, rendered...)
		if d.monitoring {
			monitoring, err := d.kustomize(ctx, monitoringFolder)
			if err != nil {
				return err
			}
			manifests = append(manifests, monitoring...)
		}
	}
	_, err = out.Write(manifests)
	return err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
