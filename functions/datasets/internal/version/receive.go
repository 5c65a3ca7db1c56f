package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/stored"
	"function/functions/datasets/internal/transfer"
	"function/shared/secret"
)

// Received is an uploaded file in storage, encrypted with a key of its own. The caller of Receive
// must discard it; Discard keeps a file that a version has adopted.
type Received struct {
	*staging.Object
	transfer.Content
	WrappedKey []byte
}

// Stored returns the content for [Add].
func (r *Received) Stored() Content {
	return Content{
		Content: r.Content, StoredBytes: r.StoredBytes(), Adopt: r.Adopt,
		Parts: []stored.Part{{ObjectName: r.Name, SizeBytes: r.Size, WrappedKey: r.WrappedKey}},
	}
}

// Receive stores a file as it arrives. It leaves nothing behind if the file does not arrive
// completely.
func Receive(ctx context.Context, keys *secret.Keeper, area staging.Area, file *transfer.File, storageType string, organization uuid.UUID, limit int64) (*Received, error) {
	key, wrapped, err := keys.NewKey(ctx)
	if err != nil {
		return nil, err
	}
	object, err := area.Create(ctx, storageType, organization, key)
	if err != nil {
		return nil, err
	}
	content, err := file.CopyTo(object, limit)
	if err == nil {
		err = object.Close()
	}
	if err != nil {
		object.Discard(ctx)
		return nil, fmt.Errorf("receive file: %w", err)
	}
	return &Received{Object: object, Content: content, WrappedKey: wrapped}, nil
}
