package objects

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // for the dimensions
	_ "image/jpeg" // for the dimensions
	_ "image/png"  // for the dimensions
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"

	"function/functions/datasets/internal/staging"
	"function/shared/fault"
)

// headSize is how many of the first bytes show the type and the dimensions.
const headSize = 256 << 10

// received is an object in storage that no data set has yet. The caller of receive must discard it.
type received struct {
	*staging.Object
	row
}

// receive stores a body as it arrives, encrypted with a key of its own. It leaves nothing behind if the
// body does not arrive completely.
func (f *Function) receive(ctx context.Context, storageType string, organization uuid.UUID, body io.Reader) (received, error) {
	var r received
	key, wrapped, err := f.keys.NewKey(ctx)
	if err != nil {
		return r, err
	}
	if r.Object, err = f.area.Create(ctx, storageType, organization, key); err != nil {
		return r, err
	}
	r.row.WrappedKey, r.row.ObjectName = wrapped, r.Object.Name
	if err = r.copy(body, f.limit); err == nil {
		err = r.Close()
	}
	if err != nil {
		r.Discard(ctx)
		return r, fmt.Errorf("receive object: %w", err)
	}
	return r, nil
}

func (r *received) copy(body io.Reader, limit int64) error {
	content := bufio.NewReaderSize(body, headSize)
	head, err := content.Peek(headSize)
	if err != nil && err != io.EOF {
		return interrupted(err)
	}
	r.detect(head)
	hash, block := sha256.New(), make([]byte, 64<<10)
	for {
		n, err := content.Read(block)
		if r.SizeBytes += int64(n); r.SizeBytes > limit {
			return tooLarge(limit)
		}
		hash.Write(block[:n])
		if _, err := r.Write(block[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			r.SHA256 = hash.Sum(nil)
			return nil
		}
		if err != nil {
			return interrupted(err)
		}
	}
}

// detect records what the first bytes show.
func (r *received) detect(head []byte) {
	r.DetectedType = http.DetectContentType(head)
	if !strings.HasPrefix(r.DetectedType, "image/") {
		return
	}
	if picture, _, err := image.DecodeConfig(bytes.NewReader(head)); err == nil {
		r.Width, r.Height = &picture.Width, &picture.Height
	}
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The object is larger than the limit of %d bytes", limit)
}

func interrupted(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.Malformed, "The object stalled: no data arrived for too long. Nothing was stored, send it again")
	}
	return fault.New(fault.Malformed, "The object did not arrive completely: nothing was stored, send it again")
}
