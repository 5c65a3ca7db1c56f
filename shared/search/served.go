package search

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// Served finds documents in the index of a server. What has changed since is found in the database, so that a search finds every change at
// once; the database also answers if the server does not.
type Served struct {
	database Postgres
	server   Server
	away     *atomic.Int64 // until when the server is not asked, in Unix nanoseconds
}

// InServer returns the index of a server that a Feed maintains. Without a server, it is that of the database.
func InServer(db db, server Server) Finder {
	if server == nil {
		return InDatabase(db)
	}
	return Served{InDatabase(db), server, &atomic.Int64{}}
}

// Finder is what searches need of an Index.
type Finder interface {
	Find(ctx context.Context, q Query) (Found, error)
}

const (
	maxChanged   = 1000             // of more changes, the database answers
	awayFor      = 10 * time.Second // how long a server that failed is not asked
	selectServed = `
SELECT (SELECT name FROM search_feeds WHERE ready AND name LIKE $2 || '%' ORDER BY name DESC LIMIT 1) AS index,
       ARRAY(SELECT id FROM search_changes LIMIT $1) AS changed`
	selectChanged = `
SELECT id, search_score(lexemes, $3, $4) AS score FROM search_documents WHERE id = ANY ($1) AND lexemes @@ $2::tsquery`
)

// Find implements Finder.
func (s Served) Find(ctx context.Context, q Query) (Found, error) {
	if time.Now().UnixNano() < s.away.Load() {
		return s.database.Find(ctx, q)
	}
	// Changes are read before the server is asked, which then has all others.
	state, err := database.One[struct {
		Index   *string
		Changed []uuid.UUID
	}](ctx, s.database.db, pgx.ErrNoRows, selectServed, maxChanged+1, indexPrefix)
	if err != nil {
		return Found{}, fmt.Errorf("read state of the index: %w", err)
	}
	if state.Index == nil || len(state.Changed) > maxChanged {
		return s.database.Find(ctx, q)
	}
	found, err := s.server.Find(ctx, *state.Index, q)
	if err != nil {
		if ctx.Err() != nil {
			return Found{}, ctx.Err()
		}
		slog.WarnContext(ctx, "the search server does not answer, so the database does", "error", err)
		s.away.Store(time.Now().Add(awayFor).UnixNano())
		return s.database.Find(ctx, q)
	}
	if len(state.Changed) == 0 {
		return found, nil
	}
	changed, err := s.changed(ctx, q, state.Changed)
	if err != nil {
		return Found{}, err
	}
	if found.Corrected && len(changed) > 0 { // only a changed document has the words as they are
		found.Matches, found.Corrected, found.More = nil, false, false
	}
	if len(found.Matches) == 0 && len(changed) == 0 {
		return s.database.Find(ctx, q) // it also corrects words of changed documents
	}
	found.Matches = slices.DeleteFunc(found.Matches, func(m Match) bool { return slices.Contains(state.Changed, m.ID) })
	found.Matches = sorted(append(found.Matches, changed...))
	more := found.More
	found = found.cut(q.Limit)
	found.More = found.More || more
	return found, nil
}

// changed returns the matches among documents that have changed.
func (s Served) changed(ctx context.Context, q Query, ids []uuid.UUID) ([]Match, error) {
	scope := q.scope()
	if q.Text == "" {
		return s.database.matches(ctx, selectChanged, ids, scope.tsquery(), nil, nil)
	}
	words, err := s.database.words(ctx, q.Text)
	if err != nil {
		return nil, err
	}
	looked := lookup(exactly).conditions("", words)
	if looked == nil || len(words) == 0 {
		return nil, nil
	}
	return s.database.matches(ctx, selectChanged, ids, append(looked, scope...).tsquery(), lookup(exactly).ranked(words), named(texts(words)))
}
