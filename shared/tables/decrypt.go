package tables

import (
	"context"
	"errors"
	"os"

	"function/shared/objects"
	"function/shared/secret"
)

// Decrypt returns a Fetch that reads versions from storage. bucket opens the bucket of a storage
// type.
func Decrypt(bucket func(ctx context.Context, storageType string) (*objects.Bucket, error), keeper *secret.Keeper) Fetch {
	return func(ctx context.Context, v Version, path string) error {
		b, err := bucket(ctx, v.StorageType)
		if err != nil {
			return err
		}
		key, err := keeper.Unwrap(ctx, v.WrappedKey)
		if err != nil {
			return err
		}
		object, err := b.Open(ctx, v.Object, key)
		if err != nil {
			return err
		}
		defer object.Close()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = object.WriteTo(f)
		return errors.Join(err, f.Close())
	}
}
