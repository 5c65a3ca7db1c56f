// Package s3 links the driver of S3 and of compatible stores: s3://bucket?region=…
package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"function/shared/objects"
)

func init() { objects.RegisterPutSigner(s3blob.Scheme, signPut) }

// signPut signs the length of the body, and a condition that the object does not exist.
func signPut(ctx context.Context, blobs *blob.Bucket, name string, size int64, expiry time.Duration) (string, http.Header, error) {
	url, err := blobs.SignedURL(ctx, name, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: expiry,
		BeforeSign: func(as func(any) bool) error {
			var put *s3.PutObjectInput
			if !as(&put) {
				return fmt.Errorf("%w: not an S3 request", objects.ErrCannotSign)
			}
			put.ContentLength, put.IfNoneMatch = &size, aws.String("*")
			return nil
		},
	})
	return url, http.Header{"If-None-Match": {"*"}}, err
}
