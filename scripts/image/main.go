// Command image builds the platform's container image without a container engine. The image
// contains one static program and the certificate authorities. `make image` runs it.
//
// The same commit built with the same Go and C compilers yields the same digest: the image does not
// depend on the machine, the folder or the time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	root := flag.String("root", ".", "the project")
	push := flag.String("push", "", "registry/name:tag to push to; empty: write bin/image.tar")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *push); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, push string) error {
	src, err := readSource(ctx, root)
	if err != nil {
		return err
	}
	bin := filepath.Join(root, "bin")
	program := filepath.Join(bin, "image-serve")
	if err := compile(ctx, root, program); err != nil {
		return err
	}
	defer os.Remove(program)
	image, err := assemble(src, program)
	if err != nil {
		return err
	}
	statements, err := attest(ctx, src, program, image)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if err := os.WriteFile(filepath.Join(bin, s.file), s.content, 0o644); err != nil {
			return err
		}
	}
	reference := "dev.local/aic-data:" + src.tag() // Knative resolves no tags of dev.local
	if push != "" {
		reference, err = publish(ctx, push, image, statements)
	} else {
		err = writeArchive(filepath.Join(bin, "image.tar"), reference, image)
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bin, "image.ref"), []byte(reference+"\n"), 0o644); err != nil {
		return err
	}
	return report(reference, image)
}

// publish pushes the image, with the statements as its referrers (OCI distribution specification
// 1.1). It returns the reference by digest.
func publish(ctx context.Context, target string, image v1.Image, statements []statement) (string, error) {
	tag, err := name.NewTag(target)
	if err != nil {
		return "", fmt.Errorf("IMAGE %s: %w", target, err)
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	if err := remote.Write(tag, image, options...); err != nil {
		return "", fmt.Errorf("push %s: %w", target, err)
	}
	for _, s := range statements {
		referrer, err := s.referrer(image)
		if err != nil {
			return "", fmt.Errorf("describe %s: %w", s.file, err)
		}
		digest, err := referrer.Digest()
		if err == nil {
			err = remote.Write(tag.Context().Digest(digest.String()), referrer, options...)
		}
		if err != nil {
			return "", fmt.Errorf("push %s: %w", s.file, err)
		}
	}
	digest, err := image.Digest()
	return tag.Context().Digest(digest.String()).String(), err
}

func report(reference string, image v1.Image) error {
	layers, err := image.Layers()
	digest, digestErr := image.Digest()
	if err := errors.Join(err, digestErr); err != nil {
		return err
	}
	var size int64
	for _, layer := range layers {
		n, err := layer.Size()
		if err != nil {
			return err
		}
		size += n
	}
	fmt.Printf("%s %s, %.1f MB compressed\n", strings.TrimSuffix(reference, "@"+digest.String()), digest, float64(size)/1e6)
	return nil
}
