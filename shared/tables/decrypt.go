package tables

import (
	"context"

	"function/shared/objects"
	"function/shared/secret"
)

// Decrypt returns an Open that reads versions from storage. bucket opens the bucket of a storage
// type.
func Decrypt(bucket func(ctx context.Context, storageType string) (*objects.Bucket, error), keeper *secret.Keeper) Open {
	return func(ctx context.Context, v Version) (Source, error) {
		b, err := bucket(ctx, v.StorageType)
		if err != nil {
			return nil, err
		}
		key, err := keeper.Unwrap(ctx, v.WrappedKey)
		if err != nil {
			return nil, err
		}
		object, err := b.Open(ctx, v.Object, key)
		if err != nil {
			return nil, err
		}
		return object, nil
	}
}
