package main

import (
	"archive/tar"
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

var src = source{commit: strings.Repeat("0123456789", 4), time: time.Unix(1_700_000_000, 0).UTC()}

// testImage returns an image with this test's own program, which has real module information.
func testImage(t *testing.T) (v1.Image, string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image, err := assemble(src, program)
	if err != nil {
		t.Fatal(err)
	}
	return image, program
}

func digest(t *testing.T, image v1.Image) v1.Hash {
	t.Helper()
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestImage_BuiltTwice_IsIdentical(t *testing.T) {
	t.Parallel()
	one, _ := testImage(t)
	two, _ := testImage(t)
	if digest(t, one) != digest(t, two) {
		t.Error("the same program gives two digests")
	}
}

func TestImage_RunsTheProgramWithoutRoot(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/serve"}) {
		t.Errorf("config %+v", config.Config)
	}
	var names []string
	files := tar.NewReader(mutate.Extract(image))
	for {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if !header.ModTime.Equal(src.time) || header.Uid != 0 || header.Mode&0o022 != 0 {
			t.Errorf("%s: %v, owner %d, mode %o", header.Name, header.ModTime, header.Uid, header.Mode)
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "etc etc/group etc/passwd etc/ssl etc/ssl/certs etc/ssl/certs/ca-certificates.crt scratch serve" {
		t.Errorf("files: %s", got)
	}
}

func TestArchive_IsAnOCILayoutWithTheName(t *testing.T) {
	t.Parallel()
	image, _ := testImage(t)
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := writeArchive(path, "dev.local/aic-data:test", image); err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, path)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if m := manifest.Manifests; len(m) != 1 || m[0].Digest != digest(t, image) || m[0].Annotations["io.containerd.image.name"] != "dev.local/aic-data:test" {
		t.Fatalf("manifests %+v", m)
	}
	loaded, err := index.Image(digest(t, image))
	if err != nil {
		t.Fatal(err)
	}
	if got := digest(t, loaded); got != digest(t, image) {
		t.Errorf("loaded %s", got)
	}
	if _, err := io.Copy(io.Discard, mutate.Extract(loaded)); err != nil {
		t.Error(err)
	}
}

func unpack(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir := t.TempDir()
	files := tar.NewReader(file)
	for {
		header, err := files.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPush_StatementsAreReferrers(t *testing.T) {
	t.Parallel()
	image, program := testImage(t)
	statements, err := attest(context.Background(), src, program, image)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	target := strings.TrimPrefix(server.URL, "http://") + "/aic-data:test"
	reference, err := publish(context.Background(), target, image, statements)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := name.NewDigest(reference)
	if err != nil || pushed.DigestStr() != digest(t, image).String() {
		t.Fatalf("pushed %s, %v", reference, err)
	}
	index, err := remote.Referrers(pushed)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, m := range manifest.Manifests {
		kinds = append(kinds, m.ArtifactType)
	}
	slices.Sort(kinds)
	if got := strings.Join(kinds, " "); got != "application/spdx+json application/vnd.in-toto+json" {
		t.Errorf("referrers: %s", got)
	}
}
