// Package resumable stores files that arrive in several requests. Each request adds parts, which are
// sealed objects, to an upload; nothing is buffered on disk. The request that brings the last byte
// makes the parts the file of a new version, without copying them.
//
// The newest request to write wins: it takes a fencing token in PostgreSQL, and older ones can no
// longer commit. A part and its row are committed before its bytes are acknowledged.
package resumable

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/ingest/reading"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// The kinds of uploads.
const (
	Whole   = "whole"   // becomes a version when it is complete
	Partial = "partial" // is to be concatenated with others
	Final   = "final"   // was made by concatenation
	Import  = "import"  // is fetched from a URL
	Direct  = "direct"  // is put into the bucket by the client
)

// Lifetime is how long an upload waits for its next bytes. The file of a direct upload lies in the bucket
// in plain text, so it waits less.
const (
	Lifetime       = 72 * time.Hour
	directLifetime = 24 * time.Hour
)

func (u *Upload) lifetime() time.Duration {
	if u.Kind == Direct {
		return directLifetime
	}
	return Lifetime
}

// Target says what the file is and what becomes of it.
type Target struct {
	FileName string
	FileType string
	Change   version.Change
	Reading  reading.Options
	SHA256   []byte // of the file, to be checked; nil: unknown

	// Of an import: the URL, which may contain a secret and is stored as sealed with the upload's key.
	Address   string `json:"-"`
	SealedURL []byte
	URL       []byte // wrapped by the key encryption key; of imports that an earlier version has begun

	// What shows that the file has not changed since its first bytes were read: of an import, what
	// If-Range compares (RFC 9110 §13.1.5); of a direct upload, the state of the object.
	Validator string
}

// Upload is an upload and what has arrived of it.
type Upload struct {
	ID             uuid.UUID
	DatasetID      uuid.UUID
	OrganizationID uuid.UUID
	CreatedBy      uuid.UUID
	StorageType    string
	Kind           string
	Length         *int64 // nil: not known yet
	Received       int64
	HashState      []byte
	Metadata       string // as sent
	Concat         string // as sent
	Target         Target
	WrappedKey     []byte
	Writer         int64 // the fencing token of the newest request
	Version        *int
	Failure        *string
	Expired        bool
	ExpiresAt      time.Time

	// Guard is called in the transaction that adds the version, which it can refuse.
	Guard func(ctx context.Context, tx *outbox.Tx, version int) error `db:"-"`
}

// IsComplete reports whether all bytes have arrived.
func (u *Upload) IsComplete() bool { return u.Length != nil && u.Received == *u.Length }

// Store holds uploads.
type Store struct {
	DB    *outbox.DB
	Keys  *secret.Keeper
	Area  staging.Area
	Limit int64 // maximum size of a file
}

const selectUpload = `
SELECT u.id, u.dataset_id, d.organization_id, u.created_by, d.storage_type, u.kind, u.length, u.received, u.hash_state, u.metadata, u.concat,
       u.target, u.wrapped_key, u.writer, u.version, u.failure, u.version IS NULL AND u.expires_at < now() AS expired, u.expires_at
FROM uploads u JOIN datasets d ON d.id = u.dataset_id AND d.deleted_at IS NULL WHERE u.id = $1`

// ErrNotFound is returned for an upload that does not exist or belongs to somebody else.
var ErrNotFound = fault.New(fault.NotFound, "There is no upload with this identifier")

// Find returns an upload of the caller. An upload that has expired, or whose file was refused, is
// returned as well; see [Upload.Usable].
func (s *Store) Find(ctx context.Context, caller auth.Caller, id uuid.UUID) (*Upload, error) {
	u, err := s.ByID(ctx, id)
	if err == nil && (u.CreatedBy != caller.UserID || u.OrganizationID != caller.OrganizationID) {
		return nil, ErrNotFound
	}
	return u, err
}

// ByID returns an upload of anybody.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (*Upload, error) {
	u, err := database.One[Upload](ctx, s.DB, ErrNotFound, selectUpload, id)
	return &u, err
}

// Usable returns an error if the upload can no longer be continued or read.
func (u *Upload) Usable() error {
	switch {
	case u.Failure != nil:
		return fault.New(fault.Gone, "The upload has failed: %s", *u.Failure)
	case u.Expired:
		return fault.New(fault.Gone, "The upload has expired: no data arrived for %d hours. Start a new one.", int(u.lifetime().Hours()))
	}
	return nil
}

const (
	selectTarget = `
SELECT kind, storage_type, declared_schema IS NOT NULL AS declared, protected AND $3 = 'main' AS protected,
       EXISTS (SELECT FROM dataset_derivations WHERE dataset_id = id) AS derived,
       $3 = 'main' OR EXISTS (SELECT FROM dataset_refs WHERE dataset_id = id AND name = $3 AND kind = 'branch') AS branched
FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL`
	insertUpload = `
INSERT INTO uploads (id, dataset_id, created_by, kind, length, hash_state, metadata, concat, target, wrapped_key, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval)`
)

// Check returns an error if the data set cannot take the file, or the reader may not change it.
func (s *Store) Check(ctx context.Context, r access.Reader, u *Upload) error {
	d, err := database.One[struct {
		Kind, StorageType                      string
		Declared, Protected, Derived, Branched bool
	}](ctx, s.DB, fault.New(fault.NotFound, "There is no data set with this dataset_id"), selectTarget, u.DatasetID, r, u.Target.Change.Branch)
	if err == nil {
		err = dataset.CheckKind(d.Kind, dataset.Table)
	}
	switch {
	case err != nil:
		return err
	case !d.Branched:
		return fault.New(fault.NotFound, "This data set has no branch %q: create it first", u.Target.Change.Branch)
	case d.Derived:
		return version.ErrDerived
	case d.Protected:
		return version.ErrProtected
	case d.Declared && len(u.Target.Reading.Types) > 0:
		return fault.At("reading.types", "the data set has a declared schema, which gives every column its type")
	case u.Length != nil && *u.Length > s.Limit:
		return fault.New(fault.TooLarge, "The file is larger than the limit of %d bytes", s.Limit)
	case u.Length != nil && *u.Length == 0:
		return fault.At("header.Upload-Length", "the file is empty")
	}
	u.StorageType = d.StorageType
	return u.Target.Change.Check()
}

// Create inserts a checked upload, in the transaction that records its creation.
func (s *Store) Create(ctx context.Context, tx *outbox.Tx, u *Upload) (err error) {
	var key []byte
	if key, u.WrappedKey, err = s.Keys.NewKey(ctx); err != nil {
		return err
	}
	if u.Target.Address != "" {
		if u.Target.SealedURL, err = secret.Seal(key, urlField, u.Target.Address); err != nil {
			return err
		}
	}
	u.ID, u.HashState = uuid7.New(), stateOf(sha256.New())
	if _, err := tx.Exec(ctx, insertUpload, u.ID, u.DatasetID, u.CreatedBy, u.Kind, u.Length, u.HashState, u.Metadata, u.Concat, u.Target, u.WrappedKey, u.lifetime()); err != nil {
		return fmt.Errorf("insert upload: %w", err)
	}
	u.ExpiresAt = time.Now().Add(u.lifetime())
	return nil
}

const urlField = "uploads.target.url"

// Address returns the URL of an import.
func (s *Store) Address(ctx context.Context, u *Upload) (string, error) {
	if u.Target.SealedURL == nil {
		address, err := s.Keys.Unwrap(ctx, u.Target.URL)
		return string(address), err
	}
	key, err := s.Keys.Unwrap(ctx, u.WrappedKey)
	if err != nil {
		return "", err
	}
	return secret.Unseal(key, urlField, u.Target.SealedURL)
}

const deleteUpload = `DELETE FROM uploads WHERE id = $1`

// Delete deletes an upload. A version that was made from it stays. discard removes its objects
// after the commit.
func (s *Store) Delete(ctx context.Context, tx *outbox.Tx, u *Upload) (discard func(context.Context), err error) {
	rows, _ := tx.Query(ctx, lockUpload, u.ID)
	if _, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return nil, fmt.Errorf("lock upload: %w", err)
	}
	names, err := takeParts(ctx, tx, u.ID)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, deleteUpload, u.ID); err != nil {
		return nil, fmt.Errorf("delete upload: %w", err)
	}
	return func(ctx context.Context) {
		s.Area.Discard(ctx, u.StorageType, names...)
		if u.Kind == Direct {
			s.Area.DiscardPut(ctx, u.StorageType, u.ID)
		}
	}, nil
}

// lockUpload waits for a commit in progress, so that its part is seen.
const lockUpload = `SELECT id FROM uploads WHERE id = $1 FOR UPDATE`

// stateOf returns the state of a hash, from which hashOf continues.
func stateOf(h hash.Hash) []byte {
	state, _ := h.(encoding.BinaryMarshaler).MarshalBinary() // never fails for SHA-256
	return state
}

func hashOf(state []byte) (hash.Hash, error) {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return nil, fmt.Errorf("continue hash: %w", err)
	}
	return h, nil
}

// Drop deletes uploads. Those that are gone do not matter.
func (s *Store) Drop(ctx context.Context, ids ...uuid.UUID) error {
	for _, id := range ids {
		u, err := s.ByID(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		var discard func(context.Context)
		err = s.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
			discard, err = s.Delete(ctx, tx, u)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete upload: %w", err)
		}
		discard(ctx)
	}
	return nil
}
