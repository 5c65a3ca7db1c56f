package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is the conventional user of images without root.
const user = "65532:65532"

// assemble returns the image: a layer that rarely changes, and a layer with the program.
func assemble(src source, program string) (v1.Image, error) {
	base, err := layer(func(w io.Writer) error { return writeBase(w, src) })
	if err != nil {
		return nil, fmt.Errorf("make base layer: %w", err)
	}
	top, err := layer(func(w io.Writer) error { return writeProgram(w, src, program) })
	if err != nil {
		return nil, fmt.Errorf("make program layer: %w", err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, base, top); err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", architecture()
	file.Created = v1.Time{Time: src.time}
	for i := range file.History {
		file.History[i].Created = file.Created
	}
	file.Config = v1.Config{
		User: user, Entrypoint: []string{"/serve"}, WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "002AIC data services",
			"org.opencontainers.image.revision": src.commit,
			"org.opencontainers.image.version":  src.tag(),
		},
	}
	return mutate.ConfigFile(image, file)
}

func architecture() string {
	if target := os.Getenv("GOARCH"); target != "" {
		return target
	}
	return runtime.GOARCH
}

// layer compresses with Zstandard, which nodes unpack several times faster than gzip. That shortens
// the first cold start on a node.
func layer(write func(io.Writer) error) (v1.Layer, error) {
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(write(w)) }()
		return r, nil
	}, tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd), tarball.WithCompressedCaching)
}

func writeBase(w io.Writer, src source) error {
	out := tar.NewWriter(w)
	return errors.Join(
		addFolder(out, src, "etc/"),
		addFile(out, src, "etc/group", []byte("nonroot:x:65532:\n")),
		addFile(out, src, "etc/passwd", []byte("nonroot:x:65532:65532:nonroot:/:/\n")),
		addFolder(out, src, "etc/ssl/"),
		addFolder(out, src, "etc/ssl/certs/"),
		addFile(out, src, "etc/ssl/certs/ca-certificates.crt", authorities()),
		addFolder(out, src, "scratch/"),
		out.Close(),
	)
}

// authorities returns Mozilla's root certificates, in the version that this module's go.mod pins.
// It omits those with constraints, which a file cannot express.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return out.Bytes()
}

func addFolder(out *tar.Writer, src source, path string) error {
	return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path, Mode: 0o755, ModTime: src.time, Format: tar.FormatPAX})
}

func addFile(out *tar.Writer, src source, path string, content []byte) error {
	err := out.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content)), ModTime: src.time, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	return err
}

func writeProgram(w io.Writer, src source, program string) error {
	file, err := os.Open(program)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	err = out.WriteHeader(&tar.Header{Name: "serve", Mode: 0o755, Size: info.Size(), ModTime: src.time, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, file); err != nil {
		return err
	}
	return out.Close()
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
