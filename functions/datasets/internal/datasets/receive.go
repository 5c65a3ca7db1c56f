package datasets

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Received is an uploaded file in storage, under a key of its own. Whoever
// received it discards it, unless a version has adopted it.
type Received struct {
	*Staged
	Content
	WrappedKey []byte
}

// Receive stores a file as it arrives. Nothing is left of one that does not
// arrive whole.
func (s Store) Receive(ctx context.Context, file *File, storageType string, organization uuid.UUID, limit int64) (*Received, error) {
	key, wrapped, err := s.Keeper.NewKey(ctx)
	if err != nil {
		return nil, err
	}
	object, err := s.Stage(ctx, storageType, organization, key)
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
	return &Received{Staged: object, Content: content, WrappedKey: wrapped}, nil
}
