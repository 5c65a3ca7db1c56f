package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// readTimeout is how long a database may take, less than the usual scrape timeout of 10 s.
const readTimeout = 5 * time.Second

// selectSamples selects the metrics that a domain publishes, and the state of its database ($1),
// which the domain does not know.
const selectSamples = `
SELECT name, labels, value FROM published.metrics
UNION ALL SELECT name, jsonb_build_object('database', $1::text), value FROM (VALUES
    ('database_connections', (SELECT numbackends::float8 FROM pg_stat_database WHERE datname = current_database())),
    ('database_connections_max', current_setting('max_connections')::float8),
    ('database_size_bytes', pg_database_size(current_database())::float8)) state (name, value)`

type sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// samples holds the published metrics and which databases could be read.
type samples struct {
	up   map[database.Name]bool
	list []sample
}

// read reads all databases concurrently.
func (f *Function) read(ctx context.Context) samples {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all := samples{up: map[database.Name]bool{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name := range f.databases {
		wg.Go(func() {
			list, err := f.readOne(ctx, name)
			if err != nil {
				slog.ErrorContext(ctx, "metrics not read", "database", name, "error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			all.up[name] = err == nil
			all.list = append(all.list, list...)
		})
	}
	wg.Wait()
	return all
}

func (f *Function) readOne(ctx context.Context, name database.Name) ([]sample, error) {
	rows, _ := f.databases[name].Query(ctx, selectSamples, string(name))
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[sample])
	if err != nil {
		return nil, fmt.Errorf("read published metrics: %w", err)
	}
	return list, nil
}
