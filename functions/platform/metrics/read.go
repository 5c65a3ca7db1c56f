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

// patience is how long one database has to answer: less than a scrape's usual 10 s.
const patience = 5 * time.Second

const selectSamples = `SELECT name, labels, value FROM published.metrics`

type sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// samples is what the databases published, and which of them could be read.
type samples struct {
	up   map[database.Name]bool
	list []sample
}

// read asks all databases at once.
func (f *Function) read(ctx context.Context) samples {
	ctx, cancel := context.WithTimeout(ctx, patience)
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
	rows, _ := f.databases[name].Query(ctx, selectSamples)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[sample])
	if err != nil {
		return nil, fmt.Errorf("read published metrics: %w", err)
	}
	return list, nil
}
