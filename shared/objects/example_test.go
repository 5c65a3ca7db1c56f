package objects_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"function/shared/objects"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "objects")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bucket, err := objects.Open(ctx, "file://"+dir)
	if err != nil {
		log.Fatal(err)
	}
	defer bucket.Close()

	key := make([]byte, objects.KeySize)
	rand.Read(key)
	if err := save(ctx, bucket, key, strings.NewReader("date,weather\n2012-01-01,drizzle\n")); err != nil {
		log.Fatal(err)
	}

	object, err := bucket.Open(ctx, "organization/dataset/1/source", key)
	if err != nil {
		log.Fatal(err)
	}
	defer object.Close()
	row := make([]byte, 18)
	if _, err := object.ReadAt(row, 13); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of %d bytes\n", row, object.Size())
	// Output: 2012-01-01,drizzle of 32 bytes
}

func save(ctx context.Context, bucket *objects.Bucket, key []byte, body io.Reader) error {
	w, err := bucket.Create(ctx, "organization/dataset/1/source", key)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.Copy(w, body); err != nil {
		return err
	}
	return w.Close()
}
