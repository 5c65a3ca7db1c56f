package icebergtable

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
)

// ErrNoObject is returned for a key of which the bucket has no object.
var ErrNoObject = fault.New(fault.NotFound, "The bucket has no object with this key: load the table again (GET /iceberg/v1/namespaces/{namespace}/tables/{table})")

var objectKey = regexp.MustCompile(`^([0-9a-f-]{36})/(?:metadata/(?:(snap|manifest)-([1-9][0-9]{0,8})\.avro|([0-9a-f]{32})\.metadata\.json)|data/part-([1-9][0-9]{0,8})\.parquet)$`)

const selectReadyAt = `SELECT profiled_at AS ready_at FROM dataset_versions WHERE dataset_id = $1 AND version = $2 AND status = 'ready' AND archived_at IS NULL`

// Open opens an object of the bucket for a reader. ctx applies to all reads until Close. The size is that of the whole
// object, whose ETag etag is, without quotes. A key of which there is no object, or that the reader may not read, is
// fault.NotFound.
func (t *Tables) Open(ctx context.Context, r access.Reader, key string) (content io.ReadSeekCloser, size int64, modified time.Time, etag string, err error) {
	match := objectKey.FindStringSubmatch(key)
	if match == nil {
		return nil, 0, modified, "", ErrNoObject
	}
	id, err := uuid.Parse(match[1])
	if err != nil {
		return nil, 0, modified, "", ErrNoObject
	}
	if match[4] != "" {
		return t.openMetadata(ctx, r, id, match[4])
	}
	if err := t.Check(ctx, r, id); err != nil {
		return nil, 0, modified, "", err
	}
	number, _ := strconv.Atoi(match[3] + match[5]) // of at most nine digits
	if match[5] != "" {
		return t.openFile(ctx, id, number)
	}
	ready, err := database.One[struct{ ReadyAt time.Time }](ctx, t.db, ErrNoObject, selectReadyAt, id, number)
	if err != nil {
		return nil, 0, modified, "", err
	}
	var made []byte
	if match[2] == "snap" {
		made, err = t.manifestList(ctx, id, number)
	} else {
		made, _, err = t.manifest(ctx, id, number)
	}
	if err != nil {
		return nil, 0, modified, "", err
	}
	return memory{bytes.NewReader(made)}, int64(len(made)), ready.ReadyAt, tagOf(made), nil
}

// openMetadata opens the metadata of a table if they still have the content that the key names.
func (t *Tables) openMetadata(ctx context.Context, r access.Reader, id uuid.UUID, tag string) (content io.ReadSeekCloser, size int64, modified time.Time, etag string, err error) {
	for _, refsOnly := range []bool{false, true} {
		table, err := t.Load(ctx, r, id, refsOnly)
		if err != nil {
			return nil, 0, modified, "", err
		}
		if table.Tag == tag {
			return memory{bytes.NewReader(table.JSON)}, int64(len(table.JSON)), time.UnixMilli(table.LastUpdated), tag, nil
		}
	}
	return nil, 0, modified, "", ErrNoObject
}

func (t *Tables) openFile(ctx context.Context, id uuid.UUID, number int) (_ io.ReadSeekCloser, size int64, modified time.Time, etag string, err error) {
	p, err := database.One[part](ctx, t.db, ErrNoObject, selectPart, id, number)
	if err != nil {
		return nil, 0, modified, "", err
	}
	file, err := t.file(ctx, id, p)
	if err != nil {
		return nil, 0, modified, "", err
	}
	made, err := database.One[struct{ ReadyAt time.Time }](ctx, t.db, ErrNoObject, selectMadeAt, id, number)
	if err != nil {
		return nil, 0, modified, "", err
	}
	object, err := t.open(ctx, p)
	if err != nil {
		return nil, 0, modified, "", fmt.Errorf("open table of version %d: %w", number, err)
	}
	return &content{dataFile: file, object: object}, file.size(), made.ReadyAt, tagOf([]byte(p.TableName), file.footer), nil
}

// The version itself may have expired, while later ones have its rows.
const selectMadeAt = `SELECT coalesce(profiled_at, uploaded_at) AS ready_at FROM dataset_versions WHERE dataset_id = $1 AND version = $2`

func tagOf(parts ...[]byte) string {
	hash := sha256.New()
	for _, p := range parts {
		hash.Write(p)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// memory is an object that is small enough to be made as a whole.
type memory struct{ *bytes.Reader }

// Close does nothing.
func (memory) Close() error { return nil }
