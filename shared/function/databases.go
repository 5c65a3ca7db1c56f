package function

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/outbox"
)

// Database opens a domain's own database. Its transactions publish events as this function.
func (e *Env) Database(ctx context.Context, name database.Name) (*outbox.DB, error) {
	if err := e.allow(Owns(name)); err != nil {
		return nil, err
	}
	url := e.Config.DatabaseURLs()[name]
	if name == database.Compliance {
		url = e.Config.ComplianceDatabaseURL
	}
	pool, err := e.pool(ctx, string(name), url)
	if err != nil {
		return nil, err
	}
	return outbox.New(pool, e.Name, e.shared.sender), nil
}

// AuditTrail opens a database for reading its audit trail.
func (e *Env) AuditTrail(ctx context.Context, name database.Name) (*pgxpool.Pool, error) {
	if e.reaches != nil && e.allow(Owns(name)) == nil {
		db, err := e.Database(ctx, name)
		if err != nil {
			return nil, err
		}
		return db.Pool, nil
	}
	if err := e.allow(AuditTrails); err != nil {
		return nil, err
	}
	urls := map[database.Name]string{database.Datasets: e.Config.DatasetsAuditDatabaseURL, database.Analytics: e.Config.AnalyticsAuditDatabaseURL}
	return e.pool(ctx, "audit trail of "+string(name), urls[name])
}

// Identity opens the published views that token checks read: sessions, signing keys and API keys.
func (e *Env) Identity(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Callers); err != nil {
		return nil, err
	}
	return e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
}

// Catalog opens the published view of the data sets that can be queried.
func (e *Env) Catalog(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Catalog); err != nil {
		return nil, err
	}
	return e.pool(ctx, "catalog", e.Config.CatalogDatabaseURL)
}

// Reader opens the projections with a role that can only read them, to run users' SQL.
func (e *Env) Reader(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Projections); err != nil {
		return nil, err
	}
	return e.pool(ctx, "reader", e.Config.ReaderDatabaseURL)
}

func (e *Env) pool(ctx context.Context, what, url string) (*pgxpool.Pool, error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if pool, ok := e.shared.pools[what]; ok {
		return pool, nil
	}
	if url == "" {
		return nil, fmt.Errorf("%s needs the %s database, whose URL is not configured", e.Name, what)
	}
	pool, err := database.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("%s database: %w", what, err)
	}
	e.shared.pools[what] = pool
	return pool, nil
}
