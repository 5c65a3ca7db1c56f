// Package azure links the driver of Azure Blob Storage: azblob://container.
package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"function/shared/objects"
)

func init() { objects.RegisterPutSigner(azureblob.Scheme, signPut) }

// signPut allows only the creation of the blob. Azure does not check the size. Only an account key can sign.
func signPut(ctx context.Context, blobs *blob.Bucket, name string, _ int64, expiry time.Duration) (string, http.Header, error) {
	url, err := blobs.SignedURL(ctx, name, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: expiry,
		BeforeSign: func(as func(any) bool) error {
			var permissions *sas.BlobPermissions
			if !as(&permissions) {
				return fmt.Errorf("%w: not a request to Azure", objects.ErrCannotSign)
			}
			permissions.Write = false
			return nil
		},
	})
	if errors.Is(err, bloberror.MissingSharedKeyCredential) {
		err = fmt.Errorf("%w: %w", objects.ErrCannotSign, err)
	}
	return url, http.Header{"X-Ms-Blob-Type": {"BlockBlob"}}, err
}
