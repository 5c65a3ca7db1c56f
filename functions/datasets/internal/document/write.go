package document

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/documents"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// Change is a change of one document.
type Change struct {
	Dataset   uuid.UUID
	ID        string
	Action    string // for the audit trail
	Condition dataset.Condition
	// Make returns the new content, given the current one or nil. If it returns nil, the document is
	// deleted. ErrUnchanged leaves the document as it is.
	Make func(now map[string]any) (map[string]any, error)
}

// ErrUnchanged is what [Change.Make] returns to leave the document as it is.
var ErrUnchanged = errors.New("unchanged")

const (
	lockID         = `SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))`
	insertDocument = `
INSERT INTO dataset_documents (sequence, dataset_id, id, body, size_bytes, terms, created_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (dataset_id, id) DO UPDATE SET body = excluded.body, size_bytes = excluded.size_bytes, terms = excluded.terms, changed_at = excluded.changed_at`
	deleteDocument = `DELETE FROM dataset_documents WHERE dataset_id = $1 AND id = $2`
)

// Apply changes a document and returns it, and whether it is new. The returned document has no
// content if it was deleted.
func (s *Store) Apply(ctx context.Context, caller auth.Caller, change Change) (after Document, created bool, err error) {
	body, replaced := uuid7.New(), uuid.Nil
	if s.server != nil {
		if _, err := s.DB.Exec(ctx, insertStaged, body, collection(change.Dataset)); err != nil {
			return after, false, fmt.Errorf("stage document: %w", err)
		}
		defer s.discard(ctx, change.Dataset, body)
	}
	entry := audit.Entry{Action: change.Action, ResourceID: change.Dataset.String(), Detail: map[string]any{"document": change.ID}}
	err = act.Do(ctx, s.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		after, created, replaced, err = s.apply(ctx, tx, caller, change, body)
		return err
	})
	if err == nil && replaced != uuid.Nil {
		s.discard(ctx, change.Dataset, replaced)
	}
	return after, created, err
}

func (s *Store) apply(ctx context.Context, tx *outbox.Tx, caller auth.Caller, change Change, body uuid.UUID) (after Document, created bool, replaced uuid.UUID, err error) {
	onRemoval, err := dataset.Share(ctx, tx, dataset.Documents, change.Dataset, access.Of(caller))
	if err != nil {
		return after, false, replaced, err
	}
	if _, err := tx.Exec(ctx, lockID, change.Dataset.String(), change.ID); err != nil {
		return after, false, replaced, fmt.Errorf("lock document: %w", err)
	}
	c, err := s.create(ctx, tx, change.Dataset)
	if err != nil {
		return after, false, replaced, err
	}
	var now map[string]any
	before, err := s.get(ctx, tx, c, change.Dataset, change.ID)
	switch {
	case err == nil:
		if now, err = Parse(before.Document.RawMessage); err != nil {
			return after, false, replaced, fmt.Errorf("decode document: %w", err)
		}
	case !errors.Is(err, ErrNotFound):
		return after, false, replaced, err
	}
	if err := change.Condition.Allows(before.ETag); err != nil {
		return after, false, replaced, err
	}
	content, err := change.Make(now)
	if errors.Is(err, ErrUnchanged) {
		return before, false, replaced, nil
	}
	if err != nil {
		return after, false, replaced, err
	}
	if now != nil {
		if onRemoval != nil {
			return after, false, replaced, onRemoval
		}
		replaced = uuid.MustParse(strings.Trim(before.ETag, `"`))
		if err := s.release(ctx, tx, change.Dataset, replaced); err != nil {
			return after, false, replaced, err
		}
	}
	if content == nil {
		if _, err := tx.Exec(ctx, deleteDocument, change.Dataset, change.ID); err != nil {
			return after, false, replaced, fmt.Errorf("delete document: %w", err)
		}
		return after, false, replaced, nil
	}
	after, err = s.put(ctx, tx, c, caller, change, before, content, body)
	return after, now == nil, replaced, err
}

func (s *Store) put(ctx context.Context, tx *outbox.Tx, c settings, caller auth.Caller, change Change, before Document, content map[string]any, body uuid.UUID) (Document, error) {
	if err := Check(content); err != nil {
		return Document{}, err
	}
	if c.Schema != nil {
		if err := Validate(*c.Schema, content); err != nil {
			return Document{}, err
		}
	}
	text, err := Encode(content)
	if err != nil {
		return Document{}, err
	}
	hidden, err := secret.Seal(c.key, sealed(body), string(text))
	if err != nil {
		return Document{}, err
	}
	if err := s.keep(ctx, tx, change.Dataset, body, hidden); err != nil {
		return Document{}, err
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	r := row{Sequence: uuid7.New(), ID: change.ID, Body: body, SizeBytes: len(text), CreatedAt: at, ChangedAt: at}
	if before.ID != "" {
		r.CreatedAt = before.CreatedAt
	}
	_, err = tx.Exec(ctx, insertDocument, r.Sequence, change.Dataset, r.ID, r.Body, r.SizeBytes, terms(c.key, content), caller.UserID, r.CreatedAt, r.ChangedAt)
	if err != nil {
		return Document{}, fmt.Errorf("insert document: %w", err)
	}
	return r.shown(text), nil
}

// keep stores a content in the transaction that gives it to a document.
func (s *Store) keep(ctx context.Context, tx *outbox.Tx, dataset, body uuid.UUID, hidden []byte) error {
	if s.server == nil {
		return documents.PostgreSQL{DB: tx}.Put(ctx, collection(dataset), body, hidden)
	}
	adopted, err := tx.Exec(ctx, deleteStaged, body)
	if err != nil {
		return fmt.Errorf("adopt document: %w", err)
	}
	if adopted.RowsAffected() == 0 {
		return fmt.Errorf("adopt document %s: it was swept", body)
	}
	if err := s.server.Delete(ctx, collection(dataset), body); err != nil { // of an attempt at this transaction
		return err
	}
	return s.server.Put(ctx, collection(dataset), body, hidden)
}

// release gives up a content in the transaction after which no document has it.
func (s *Store) release(ctx context.Context, tx *outbox.Tx, dataset, body uuid.UUID) error {
	if err := (documents.PostgreSQL{DB: tx}).Delete(ctx, collection(dataset), body); err != nil {
		return err
	}
	if s.server == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, insertStaged, body, collection(dataset)); err != nil {
		return fmt.Errorf("release document: %w", err)
	}
	return nil
}
