package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/driver"
	"function/shared/uuid7"
)

// Change is what became of a document.
type Change struct {
	ID       uuid.UUID
	Revision int64     // a later change has a higher one, and earlier ones are ignored after it; 0: no order
	Document *Document // nil: it is deleted
}

// Server is a server with indexes. Each method has the name of the index.
type Server interface {
	Create(ctx context.Context, index string) error

	// Drop deletes an index, if it exists.
	Drop(ctx context.Context, index string) error

	// Apply applies changes. When it returns, searches find them.
	Apply(ctx context.Context, index string, changes ...Change) error

	// Find is that of Index.
	Find(ctx context.Context, index string, q Query) (Found, error)

	Close() error
}

// Drivers opens the server at SEARCH_URL.
var Drivers = driver.NewRegistry[Server]("SEARCH_URL")

// Feed keeps the indexes of a server like the table search_documents.
type Feed struct {
	DB     db
	Server Server
}

const (
	insertFeed    = `INSERT INTO search_feeds (name) VALUES ($1)`
	selectFeeds   = `SELECT name, ready, copied FROM search_feeds ORDER BY name`
	updateCopied  = `UPDATE search_feeds SET copied = $2 WHERE name = $1`
	updateReady   = `UPDATE search_feeds SET ready = true WHERE name = $1`
	deleteFeed    = `DELETE FROM search_feeds WHERE name = $1`
	selectCopies  = `SELECT id, revision, document FROM search_documents WHERE id > $1 ORDER BY id LIMIT $2`
	selectChanges = `
SELECT c.id, c.revision AS seen, coalesce(s.revision, c.revision) AS revision, s.document
FROM search_changes c LEFT JOIN search_documents s USING (id) ORDER BY c.revision LIMIT $1`
	// A change is kept for an index that was added in the meantime.
	deleteChanges = `
DELETE FROM search_changes c USING unnest($1::uuid[], $2::bigint[]) applied (id, revision)
WHERE c.id = applied.id AND c.revision = applied.revision AND NOT EXISTS (SELECT FROM search_feeds WHERE name <> ALL ($3::text[]))`
)

// indexPrefix begins the names of indexes with the present fields. Change it when these change: others are replaced.
const indexPrefix = "datasets-2-"

// batch is how many documents one request to the server has.
const batch = 500

type feed struct {
	Name   string
	Ready  bool
	Copied uuid.UUID
}

// Rebuild begins a new index, which replaces the others once Run has filled it.
func (f Feed) Rebuild(ctx context.Context) error {
	name := indexPrefix + uuid7.New().String()
	if err := f.Server.Create(ctx, name); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	if err := f.DB.Write(ctx, insertFeed, name); err != nil {
		return errors.Join(fmt.Errorf("begin index: %w", err), f.Server.Drop(ctx, name))
	}
	return nil
}

// Run applies changes to the indexes and fills new ones, until nothing is left or time is up. It begins an index if there is none. It may
// run several times at once, and be interrupted at any time.
func (f Feed) Run(ctx context.Context, until time.Time) error {
	feeds, err := f.feeds(ctx)
	if err == nil {
		feeds, err = f.retire(ctx, feeds)
	}
	if err == nil && len(feeds) == 0 {
		if err = f.Rebuild(ctx); err == nil {
			feeds, err = f.feeds(ctx)
		}
	}
	for more := true; more && err == nil && time.Now().Before(until); {
		more, err = f.drain(ctx, feeds)
	}
	for _, index := range feeds {
		if !index.Ready && err == nil {
			err = f.fill(ctx, index, feeds, until)
		}
	}
	return err
}

func (f Feed) feeds(ctx context.Context) ([]feed, error) {
	rows, _ := f.DB.Query(ctx, selectFeeds)
	feeds, err := pgx.CollectRows(rows, pgx.RowToStructByName[feed])
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	return feeds, nil
}

// retire drops indexes that lack fields, and returns the others. The database answers until there is another.
func (f Feed) retire(ctx context.Context, feeds []feed) ([]feed, error) {
	outdated := func(index feed) bool { return !strings.HasPrefix(index.Name, indexPrefix) }
	for _, index := range feeds {
		if outdated(index) {
			if err := f.drop(ctx, index.Name); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(feeds, outdated), nil
}

func (f Feed) drop(ctx context.Context, name string) error {
	if err := f.DB.Write(ctx, deleteFeed, name); err != nil {
		return fmt.Errorf("forget index: %w", err)
	}
	if err := f.Server.Drop(ctx, name); err != nil {
		return fmt.Errorf("drop index: %w", err)
	}
	return nil
}

// drain applies a batch of changes to all indexes, and reports whether there may be more.
func (f Feed) drain(ctx context.Context, feeds []feed) (more bool, err error) {
	type changed struct {
		ID             uuid.UUID
		Seen, Revision int64
		Document       *Document
	}
	rows, _ := f.DB.Query(ctx, selectChanges, batch)
	read, err := pgx.CollectRows(rows, pgx.RowToStructByName[changed])
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	if len(read) == 0 {
		return false, nil
	}
	changes, ids, seen := make([]Change, len(read)), make([]uuid.UUID, len(read)), make([]int64, len(read))
	for i, c := range read {
		changes[i], ids[i], seen[i] = Change{c.ID, c.Revision, c.Document}, c.ID, c.Seen
	}
	names := make([]string, len(feeds))
	for i, index := range feeds {
		names[i] = index.Name
		if err := f.Server.Apply(ctx, index.Name, changes...); err != nil {
			return false, fmt.Errorf("apply changes: %w", err)
		}
	}
	if err := f.DB.Write(ctx, deleteChanges, ids, seen, names); err != nil {
		return false, fmt.Errorf("delete changes: %w", err)
	}
	return len(read) == batch, nil
}

// fill copies documents into an index. It then answers searches, and older ones are dropped.
func (f Feed) fill(ctx context.Context, index feed, feeds []feed, until time.Time) error {
	for time.Now().Before(until) {
		rows, _ := f.DB.Query(ctx, selectCopies, index.Copied, batch)
		documents, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Change, err error) {
			err = row.Scan(&c.ID, &c.Revision, &c.Document)
			return c, err
		})
		if err != nil {
			return fmt.Errorf("read documents: %w", err)
		}
		if len(documents) == 0 {
			return f.replace(ctx, index, feeds)
		}
		if err := f.Server.Apply(ctx, index.Name, documents...); err != nil {
			return fmt.Errorf("copy documents: %w", err)
		}
		index.Copied = documents[len(documents)-1].ID
		if err := f.DB.Write(ctx, updateCopied, index.Name, index.Copied); err != nil {
			return fmt.Errorf("record copied documents: %w", err)
		}
	}
	return nil
}

func (f Feed) replace(ctx context.Context, index feed, feeds []feed) error {
	if err := f.DB.Write(ctx, updateReady, index.Name); err != nil {
		return fmt.Errorf("replace index: %w", err)
	}
	older := slices.DeleteFunc(slices.Clone(feeds), func(other feed) bool { return other.Name >= index.Name })
	for _, other := range older {
		if err := f.drop(ctx, other.Name); err != nil {
			return err
		}
	}
	return nil
}
