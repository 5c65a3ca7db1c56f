package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDryRun_EveryStep_OnlyPrints(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"databases": "postgresql object-storage", "services": "overlay monitoring", "verify": "postgresql object-storage overlay monitoring", "all": "postgresql object-storage overlay monitoring",
	} {
		c := newCluster(t, settings{})
		r := c.deploy([]string{"DRY_RUN=1"}, command, "--monitoring")
		r.want(t, 0)
		for name, text := range map[string]string{
			"postgresql": "name: postgresql-service", "object-storage": "name: object-storage-service", "overlay": "image: registry/aic:1", "monitoring": "kind: PrometheusRule",
		} {
			if got := strings.Contains(r.out, text); got != strings.Contains(want, name) {
				t.Errorf("%s prints the manifests of %s: %t", command, name, got)
			}
		}
		if calls := c.calls(); len(calls) != len(c.calls("kustomize")) {
			t.Errorf("%s calls kubectl: %q", command, calls)
		}
		if r.log != "" || len(c.secrets()) > 0 {
			t.Errorf("%s logs %q and makes %v", command, r.log, keysOf(c.secrets()))
		}
	}
}

func TestDryRun_LocalOverlay_NamesTheImageEverywhere(t *testing.T) {
	t.Parallel()
	const image = "localhost:5000/aic@sha256:0123456789abcdef"
	r := newCluster(t, settings{}).run(nil, "--dry-run", "--image", image, "services")
	r.want(t, 0)
	images := regexp.MustCompile(`(?m)^ *(?:- )?image: (.*)$`).FindAllStringSubmatch(r.out, -1)
	if len(images) < 50 {
		t.Errorf("%d images", len(images))
	}
	for _, found := range images {
		if found[1] != image {
			t.Errorf("an image is %q", found[1])
		}
	}
	if !strings.Contains(r.out, "kind: Broker") {
		t.Error("the manifests have no broker")
	}
}

func TestDryRun_NoImage_NamesThePlaceholder(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	r := c.run(nil, "--overlay", c.overlay, "--dry-run", "services")
	r.want(t, 0, "there is no image yet: the manifests name aic-data in its place")
	if !strings.Contains(r.out, "image: aic-data\n") {
		t.Error(r.out)
	}
}

func TestRender_Image_IsWhatMakeImageMade(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.write(filepath.Join(c.project, "bin/image.ref"), "dev.local/aic-data:0a1b\n")
	r := c.run(nil, "--overlay", c.overlay, "--dry-run", "services")
	r.want(t, 0)
	if !strings.Contains(r.out, "image: dev.local/aic-data:0a1b\n") {
		t.Error(r.out)
	}
}

func TestRender_NoImage_NothingIsDone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.run(nil, "--overlay", c.overlay).want(t, 1, "deploy: there is no image: run make image, or give --image")
	wantUntouched(t, c)
}

func TestRender_UnknownOverlay_Said(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "--overlay", "moon").want(t, 1, "deploy: there is no overlay moon: knative/overlays/moon is missing")
	wantUntouched(t, c)
}

// wantUntouched fails the test if kubectl was called to change the cluster.
func wantUntouched(t *testing.T, c *cluster) {
	t.Helper()
	if calls := c.calls("apply", "create", "patch", "delete"); len(calls) > 0 {
		t.Errorf("the cluster was changed by %q", calls)
	}
}
