package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"

	"function/scripts/bench/orders"
	_ "function/shared/objects/s3"
)

// s3 measures the upload of a large CSV file to an S3 server, in one request and in several, next to
// the upload of the same file by the SDK alone.
func (b *bench) s3(ctx context.Context) (err error) {
	length, err := uploadSize()
	if err != nil {
		return err
	}
	bucket, stop, err := b.startS3(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	source := b.path("orders-s3.csv")
	if _, err := orders.WriteCSV(source, int64(length)); err != nil {
		return err
	}
	defer os.Remove(source)
	alone, err := timed(func() error { return copyTo(ctx, bucket, source) })
	if err != nil {
		return err
	}
	progress("uploaded by the SDK alone in %s", alone)
	for _, way := range []struct {
		name   string
		upload func(id string) error
	}{
		{"one request", func(id string) error { return b.user.upload(ctx, id, "", source) }},
		{"several requests (tus)", func(id string) error { return b.user.resumable(ctx, id, source) }},
	} {
		d, err := b.user.create(ctx, "s3-"+strings.Fields(way.name)[0], "s3")
		if err != nil {
			return err
		}
		took, err := timed(func() error { return way.upload(d.ID) })
		if err != nil {
			return err
		}
		progress("%s: %s", way.name, took)
		if _, err := b.user.ready(ctx, d.ID); err != nil {
			return err
		}
		atLeastOf(&b.table, fmt.Sprintf("upload of %s CSV to S3, %s", length, way.name), rateOf(length, took), rateOf(length, alone), "SDK alone", 0.6)
	}
	return nil
}

func copyTo(ctx context.Context, url, source string) error {
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return err
	}
	defer bucket.Close()
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	return bucket.Upload(ctx, "alone", file, &blob.WriterOptions{ContentType: "text/csv"})
}

// startS3 starts an S3 server (versitygw), and the platform again with its bucket.
func (b *bench) startS3(ctx context.Context) (bucket string, stop func() error, err error) {
	if err := b.stopPlatform(); err != nil {
		return "", nil, err
	}
	build := exec.CommandContext(ctx, "go", "tool", "-n", "github.com/versity/versitygw/cmd/versitygw")
	build.Dir, build.Stderr = filepath.Join("scripts", "objectstores"), os.Stderr
	program, err := build.Output()
	if err != nil {
		return "", nil, fmt.Errorf("build the S3 server: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(b.path("s3/datasets"), 0o700); err != nil {
		return "", nil, err
	}
	address := "127.0.0.1:" + port
	server := exec.CommandContext(ctx, strings.TrimSpace(string(program)), "--port", address, "--access", "bench", "--secret", "bench-secret", "--quiet", "posix", b.path("s3"))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return "", nil, fmt.Errorf("start the S3 server: %w", err)
	}
	bucket = "s3://datasets?region=us-east-1&use_path_style=true&endpoint=http://" + address
	settings := map[string]string{"STORAGE_S3_URL": bucket, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_EC2_METADATA_DISABLED": "true"}
	stop = func() error {
		err := b.stopPlatform() // the next measurement starts it without this bucket
		for name := range settings {
			_ = os.Unsetenv(name)
		}
		_ = server.Process.Kill()
		_ = server.Wait()
		return err
	}
	for name, value := range settings {
		if err := os.Setenv(name, value); err != nil {
			return "", nil, errors.Join(err, stop())
		}
	}
	if err := errors.Join(listens(ctx, address), b.running(ctx)); err != nil {
		return "", nil, errors.Join(err, stop())
	}
	return bucket, stop, nil
}

// listens waits until a server accepts connections.
func listens(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s does not answer: %w", address, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
