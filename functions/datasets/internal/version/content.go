package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/stored"
	"function/functions/datasets/internal/transfer"
	"function/shared/outbox"
)

// Content is a complete file in storage that belongs to no version yet.
type Content struct {
	transfer.Content
	StoredBytes int64
	Parts       []stored.Part // at least one, in order
	// Adopt gives the objects to the version, in the transaction that adds it.
	Adopt func(ctx context.Context, tx *outbox.Tx) error
}

// object returns the name of the only object, or nil.
func (c Content) object() *string {
	if len(c.Parts) == 1 {
		return &c.Parts[0].ObjectName
	}
	return nil
}

const insertParts = `
INSERT INTO dataset_version_parts (dataset_id, version, place, object_name, size_bytes, wrapped_key)
SELECT $1, $2, place, name, size, key FROM unnest($3::text[], $4::bigint[], $5::bytea[]) WITH ORDINALITY p (name, size, key, place)`

func (c Content) adopt(ctx context.Context, tx *outbox.Tx, id uuid.UUID, v int) error {
	if len(c.Parts) > 1 {
		var names []string
		var sizes []int64
		var keys [][]byte
		for _, p := range c.Parts {
			names, sizes, keys = append(names, p.ObjectName), append(sizes, p.SizeBytes), append(keys, p.WrappedKey)
		}
		if _, err := tx.Exec(ctx, insertParts, id, v, names, sizes, keys); err != nil {
			return fmt.Errorf("insert parts of version: %w", err)
		}
	}
	return c.Adopt(ctx, tx)
}
