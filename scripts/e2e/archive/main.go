// Command archive writes a container image of one layer as a Docker archive, for
// programs that need nothing but themselves and a few files:
//
//	archive image.tar name:tag /app=program [/path=file ...] [/file ...]
//
// The first file is the entry point; one without a source is this machine's own.
// The image's user is 65532.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: archive image.tar name:tag /path=file ...")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

func write(path, name string, files []string) error {
	layer, err := layerOf(files)
	if err != nil {
		return fmt.Errorf("make layer: %w", err)
	}
	entry, _, _ := strings.Cut(files[0], "=")
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": time.Unix(0, 0).UTC(),
		"config": map[string]any{"User": "65532:65532", "Entrypoint": []string{entry}, "Env": []string{"PATH=/"}, "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": sum(config) + ".json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	err = cmp.Or(
		add(w, sum(config)+".json", 0o644, config),
		add(w, "layer.tar", 0o644, layer),
		add(w, "manifest.json", 0o644, manifest),
		w.Close(),
	)
	if err != nil {
		return err
	}
	return os.WriteFile(path, image.Bytes(), 0o644)
}

func layerOf(files []string) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777, ModTime: time.Unix(0, 0)}); err != nil {
		return nil, err
	}
	accounts := "root:x:0:0::/:/\nnonroot:x:65532:65532::/:/\n"
	if err := add(w, "etc/passwd", 0o644, []byte(accounts)); err != nil {
		return nil, err
	}
	for _, pair := range files {
		target, source, _ := strings.Cut(pair, "=")
		content, err := os.ReadFile(cmp.Or(source, target))
		if err != nil {
			return nil, err
		}
		if err := add(w, strings.TrimPrefix(target, "/"), 0o755, content); err != nil {
			return nil, err
		}
	}
	return layer.Bytes(), w.Close()
}

func add(w *tar.Writer, name string, mode int64, content []byte) error {
	header := &tar.Header{Name: name, Mode: mode, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}
