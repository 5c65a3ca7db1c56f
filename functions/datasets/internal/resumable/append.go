package resumable

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/staging"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// A part ends after partSize bytes or partTime. A process that dies loses at most the part that it
// was writing, none of whose bytes were acknowledged. maxParts limits the parts of one file.
const (
	partSize = 64 << 20
	partTime = time.Minute
	maxParts = 10_000

	readSize = 256 << 10
)

// Incoming is what one request brings.
type Incoming struct {
	Offset int64
	Length *int64 // of the whole file; nil: not told
	Body   io.Reader
	// Checksum receives the bytes. Verify then tells whether they are right, before any are
	// committed. Both are nil if the request has no checksum.
	Checksum hash.Hash
	Verify   func(sum []byte) error
}

// ErrFenced is returned to a request that a newer one has replaced.
var ErrFenced = fault.New(fault.Conflict, "Another request has continued this upload, or it was deleted: ask for its offset with HEAD and go on from there")

// errOffset tells where the upload really is.
func errOffset(at int64) error {
	return fault.New(fault.Conflict, "The upload has received %d bytes: continue from there", at)
}

const claimUpload = `
UPDATE uploads SET writer = writer + 1
WHERE id = $1 AND received = $2 AND version IS NULL AND failure IS NULL AND expires_at > now()
RETURNING writer, hash_state, (SELECT count(*) FROM upload_parts WHERE upload_id = id) AS parts`

// part is a stored object that is not committed yet.
type part struct {
	*staging.Object
	size int64
}

// appending is one request that adds to an upload.
type appending struct {
	*Store
	*Upload
	key   []byte
	hash  hash.Hash
	in    Incoming
	count int // parts of the upload

	parts []part // complete but not committed
	open  *part  // being written
	began time.Time
}

// Append adds the bytes of a request to an upload, which it updates. If the body ends early, what
// has arrived is kept, unless it has a checksum. The error is then of kind Malformed.
func (s *Store) Append(ctx context.Context, u *Upload, in Incoming) (err error) {
	ctx = context.WithoutCancel(ctx) // what has arrived is kept even if the client has disconnected
	a := &appending{Store: s, Upload: u, in: in}
	if err := a.claim(ctx); err != nil {
		return err
	}
	defer func() { a.discard(ctx) }() // what was not committed
	arrived := a.receive(ctx)
	var broken *interruption
	switch {
	case arrived != nil && !errors.As(arrived, &broken):
		return arrived
	case broken != nil && in.Verify != nil:
		return fault.New(fault.Malformed, "The request ended early, so its checksum cannot be verified: nothing of it was stored").Because(broken)
	case in.Verify != nil:
		if err := in.Verify(in.Checksum.Sum(nil)); err != nil {
			return err
		}
	}
	if err := a.closePart(); err != nil {
		return err
	}
	if broken != nil && len(a.parts) == 0 {
		return fault.New(fault.Malformed, "The request ended early: ask for the offset with HEAD and go on from there").Because(broken)
	}
	if err := a.commit(ctx); err != nil {
		return err
	}
	if broken != nil {
		return fault.New(fault.Malformed, "The request ended early: what has arrived is stored. Ask for the offset with HEAD and go on from there").Because(broken)
	}
	return nil
}

func (a *appending) claim(ctx context.Context) error {
	if err := a.Usable(); err != nil {
		return err
	}
	if a.in.Offset != a.Received || a.Version != nil {
		return errOffset(a.Received)
	}
	if a.in.Length != nil {
		switch {
		case a.Length != nil && *a.Length != *a.in.Length:
			return fault.At("header.Upload-Length", "the length of this upload is known and cannot change")
		case *a.in.Length < a.Received:
			return fault.At("header.Upload-Length", "the upload has already received more bytes")
		case *a.in.Length > a.Limit:
			return fault.New(fault.TooLarge, "The file is larger than the limit of %d bytes", a.Limit)
		}
		a.Upload.Length = a.in.Length
	}
	claimed, err := database.One[struct {
		Writer    int64
		HashState []byte
		Parts     int
	}](ctx, a.DB, ErrFenced, claimUpload, a.ID, a.in.Offset)
	if err != nil {
		return err
	}
	if claimed.Parts >= maxParts {
		return fault.New(fault.TooLarge, "The upload has %d parts, the maximum: start it again and send more bytes in each request", maxParts)
	}
	a.Writer, a.count = claimed.Writer, claimed.Parts
	if a.hash, err = hashOf(claimed.HashState); err != nil {
		return err
	}
	a.key, err = a.Keys.Unwrap(ctx, a.WrappedKey)
	return err
}

// interruption is the error of a body that ended early.
type interruption struct{ cause error }

func (i *interruption) Error() string { return "body ended early: " + i.cause.Error() }
func (i *interruption) Unwrap() error { return i.cause }

// IsInterrupted reports whether Append failed only because the body ended early.
func IsInterrupted(err error) bool {
	var i *interruption
	return errors.As(err, &i)
}

// receive reads the body into parts. Without a checksum it commits those that are full.
func (a *appending) receive(ctx context.Context) error {
	room, limit := a.Limit-a.Received, fault.New(fault.TooLarge, "The file is larger than the limit of %d bytes", a.Limit)
	if a.Length != nil {
		room, limit = *a.Length-a.Received, fault.New(fault.TooLarge, "The request has more bytes than the upload lacks")
	}
	for block := make([]byte, readSize); ; {
		n, err := a.in.Body.Read(block)
		if room -= int64(n); room < 0 {
			return limit
		}
		if n > 0 {
			if err := a.write(ctx, block[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &interruption{err}
		}
		if a.open == nil || a.open.size < partSize && time.Since(a.began) < partTime {
			continue
		}
		if err := a.closePart(); err != nil {
			return err
		}
		if a.count+len(a.parts) >= maxParts {
			return fault.New(fault.TooLarge, "The upload has %d parts, the maximum: send more bytes in each request", maxParts)
		}
		if a.in.Verify == nil && room > 0 { // the last part is committed after the end of the body
			if err := a.commit(ctx); err != nil {
				return err
			}
		}
	}
}

func (a *appending) write(ctx context.Context, b []byte) error {
	if a.open == nil {
		object, err := a.Area.Create(ctx, a.StorageType, a.OrganizationID, a.key)
		if err != nil {
			return err
		}
		a.open, a.began = &part{Object: object}, time.Now()
	}
	a.hash.Write(b)
	if a.in.Checksum != nil {
		a.in.Checksum.Write(b)
	}
	a.open.size += int64(len(b))
	_, err := a.open.Write(b)
	return err
}

// closePart makes the open part durable.
func (a *appending) closePart() error {
	if a.open == nil {
		return nil
	}
	if err := a.open.Close(); err != nil {
		return fmt.Errorf("store part of upload: %w", err)
	}
	a.parts, a.open = append(a.parts, *a.open), nil
	return nil
}

const (
	// Only the newest writer advances an upload.
	advance = `
UPDATE uploads SET received = $3, length = $4, hash_state = $5, expires_at = now() + $6::interval
WHERE id = $1 AND writer = $2 AND version IS NULL AND failure IS NULL RETURNING expires_at`
	insertPart = `
INSERT INTO upload_parts (upload_id, start, object_name, size_bytes, stored_bytes, stored_sha256) VALUES ($1, $2, $3, $4, $5, $6)`
)

// commit adds the complete parts to the upload. With the last byte it makes the version.
func (a *appending) commit(ctx context.Context) error {
	received := a.Received
	for _, p := range a.parts {
		received += p.size
	}
	if a.Kind != Partial && a.Length != nil && received == *a.Length {
		return a.complete(ctx, received)
	}
	err := a.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := a.advance(ctx, tx, received); err != nil {
			return err
		}
		batch, start := &pgx.Batch{}, a.Received
		for _, p := range a.parts {
			batch.Queue(insertPart, a.ID, start, p.Name, p.size, p.StoredBytes(), p.StoredSHA256())
			start += p.size
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("commit parts of upload: %w", err)
	}
	a.Received, a.count, a.parts = received, a.count+len(a.parts), nil
	return nil
}

func (a *appending) advance(ctx context.Context, tx *outbox.Tx, received int64) error {
	err := tx.QueryRow(ctx, advance, a.ID, a.Writer, received, a.Length, stateOf(a.hash), a.lifetime()).Scan(&a.ExpiresAt)
	if database.IsNoRows(err) {
		return ErrFenced
	}
	if err != nil {
		return fmt.Errorf("advance upload: %w", err)
	}
	return nil
}

// discard removes the objects that were not committed.
func (a *appending) discard(ctx context.Context) {
	if a.open != nil {
		a.open.Discard(ctx)
	}
	for _, p := range a.parts {
		p.Discard(ctx)
	}
}
