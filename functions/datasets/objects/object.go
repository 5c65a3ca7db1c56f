package objects

import (
	"encoding/hex"
	"maps"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
)

// Object is an object as its users see it.
type Object struct {
	Name         string            `json:"name"`
	ETag         string            `json:"etag" doc:"Send it as If-Match to change the object only if nobody else has"`
	ContentType  string            `json:"content_type" doc:"As declared when the object was stored"`
	DetectedType string            `json:"detected_type" doc:"What the first bytes show; application/octet-stream if they show nothing"`
	SizeBytes    int64             `json:"size_bytes"`
	SHA256       string            `json:"sha256" doc:"SHA-256 of the object, hexadecimal"`
	Width        *int              `json:"width,omitempty" doc:"Of a PNG, JPEG or GIF picture, in pixels"`
	Height       *int              `json:"height,omitempty" doc:"Of a PNG, JPEG or GIF picture, in pixels"`
	Metadata     map[string]string `json:"metadata" nullable:"false"`
	CreatedAt    time.Time         `json:"created_at"`
	ChangedAt    time.Time         `json:"changed_at"`
}

var errNotFound = fault.New(fault.NotFound, "This data set has no object with this name")

// row is an object as it is stored.
type row struct {
	Name         string
	Revision     uuid.UUID
	ObjectName   string
	WrappedKey   []byte
	ContentType  string
	DetectedType string
	SizeBytes    int64
	SHA256       []byte `db:"sha256"`
	Width        *int
	Height       *int
	Metadata     map[string]string
	CreatedAt    time.Time
	ChangedAt    time.Time
	StorageType  string
}

const (
	selectRows = `
SELECT o.name, revision, object_name, wrapped_key, content_type, detected_type, size_bytes, sha256, width, height, metadata, o.created_at, o.changed_at, d.storage_type
FROM dataset_objects o JOIN datasets d ON d.id = o.dataset_id WHERE dataset_id = @dataset`
	selectRow = selectRows + ` AND o.name = @name`
)

func (r row) etag() string { return `"` + r.Revision.String() + `"` }

func (r row) shown() Object {
	return Object{
		Name: r.Name, ETag: r.etag(), ContentType: r.ContentType, DetectedType: r.DetectedType, SizeBytes: r.SizeBytes, SHA256: hex.EncodeToString(r.SHA256),
		Width: r.Width, Height: r.Height, Metadata: r.Metadata, CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt,
	}
}

// same reports whether two rows have the same content, type and metadata.
func (r row) same(other row) bool {
	return string(r.SHA256) == string(other.SHA256) && r.ContentType == other.ContentType && maps.Equal(r.Metadata, other.Metadata)
}
