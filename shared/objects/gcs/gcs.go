// Package gcs links the driver of Google Cloud Storage: gs://bucket.
package gcs

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"

	"function/shared/objects"
)

func init() { objects.RegisterPutSigner(gcsblob.Scheme, signPut) }

// signPut signs the length of the body, and a condition that the object does not exist.
func signPut(ctx context.Context, blobs *blob.Bucket, name string, size int64, expiry time.Duration) (string, http.Header, error) {
	header := http.Header{
		"X-Goog-Content-Length-Range": {fmt.Sprintf("%d,%d", size, size)},
		"X-Goog-If-Generation-Match":  {"0"},
	}
	url, err := blobs.SignedURL(ctx, name, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: expiry,
		BeforeSign: func(as func(any) bool) error {
			var options *storage.SignedURLOptions
			if !as(&options) {
				return fmt.Errorf("%w: not a request to Google Cloud Storage", objects.ErrCannotSign)
			}
			options.Scheme = storage.SigningSchemeV4
			for field, values := range header {
				options.Headers = append(options.Headers, strings.ToLower(field)+":"+values[0])
			}
			return nil
		},
	})
	return url, header, err
}
