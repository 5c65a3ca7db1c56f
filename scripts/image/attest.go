package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime/debug"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// statement is a document about the image.
type statement struct {
	file      string
	mediaType types.MediaType
	content   []byte
}

// attest describes what the image was built from, and how.
func attest(ctx context.Context, src source, program string, image v1.Image) ([]statement, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read the program's modules: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	libraries, err := staticLibraries(ctx)
	if err != nil {
		return nil, err
	}
	var statements []statement
	for _, s := range []struct {
		file      string
		mediaType types.MediaType
		value     any
	}{
		{"image.spdx.json", "application/spdx+json", billOfMaterials(src, digest, info, libraries)},
		{"image.provenance.json", "application/vnd.in-toto+json", provenance(src, digest, info, libraries)},
	} {
		content, err := json.MarshalIndent(s.value, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", s.file, err)
		}
		statements = append(statements, statement{s.file, s.mediaType, content})
	}
	return statements, nil
}

// component is linked into the program.
type component struct{ name, version, purl string }

func modules(info *debug.BuildInfo) []component {
	found := []component{{"stdlib", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		found = append(found, component{m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	return found
}

// staticLibraries returns the C and C++ libraries of the build machine. Their versions are the only
// property of the machine that affects the image.
func staticLibraries(ctx context.Context) ([]component, error) {
	libc, err := exec.CommandContext(ctx, "getconf", "GNU_LIBC_VERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for the version of libc: %w", err)
	}
	gcc, err := exec.CommandContext(ctx, "gcc", "-dumpfullversion").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for the version of libstdc++: %w", err)
	}
	_, libcVersion, _ := strings.Cut(strings.TrimSpace(string(libc)), " ")
	return []component{
		{"glibc", libcVersion, "pkg:generic/glibc@" + libcVersion},
		{"libstdc++", strings.TrimSpace(string(gcc)), "pkg:generic/libstdc%2B%2B@" + strings.TrimSpace(string(gcc))},
	}, nil
}

// referrer returns the statement as an artifact that refers to the image (subject, OCI image
// specification 1.1).
func (s statement) referrer(image v1.Image) (v1.Image, error) {
	subject, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), s.mediaType)
	artifact, err = mutate.AppendLayers(artifact, static.NewLayer(s.content, s.mediaType))
	if err != nil {
		return nil, err
	}
	described, ok := mutate.Subject(artifact, *subject).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("%s is no image manifest", s.file)
	}
	return described, nil
}
