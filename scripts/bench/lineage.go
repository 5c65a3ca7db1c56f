package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/postgres"
)

const (
	graphRequests = 200
	graphLimit    = duration(50 * time.Millisecond)
)

// insertGraph makes a graph of 100,000 edges: each of 33,334 derived versions but the first has three inputs. The index of
// searches is not needed.
var insertGraph = []string{
	`ALTER TABLE datasets DISABLE TRIGGER USER`, `ALTER TABLE dataset_versions DISABLE TRIGGER USER`,
	`INSERT INTO datasets (id, organization_id, name, description, storage_type, status, newest_version, ready_version, created_by)
	 SELECT gen_random_uuid(), organization_id, 'derived ' || i, '', 'local', 'ready', 1, 1, created_by FROM datasets, generate_series(1, 33333) i WHERE name = 'first'`,
	`UPDATE datasets SET status = 'ready', newest_version = 1, ready_version = 1`,
	`INSERT INTO dataset_versions (dataset_id, version, status, stored_bytes, wrapped_key, uploaded_by, operation) SELECT id, 1, 'ready', 0, '', created_by, 'derive' FROM datasets`,
	`WITH numbered AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY name <> 'first', id) AS n FROM datasets)
	 INSERT INTO version_inputs (dataset_id, version, name, input_dataset_id, input_version)
	 SELECT o.id, 1, 'input ' || k, i.id, 1 FROM numbered o CROSS JOIN generate_series(1, 3) k JOIN numbered i ON i.n = 1 + (o.n - 2) * k / 3 WHERE o.n > 1`,
	`ALTER TABLE datasets ENABLE TRIGGER USER`, `ALTER TABLE dataset_versions ENABLE TRIGGER USER`,
	`ANALYZE`,
}

// lineage measures ten levels of a large graph of lineage, on a platform of its own.
func (b *bench) lineage(ctx context.Context) error {
	s := &site{data: b.path("lineage")}
	defer func() { _ = s.stopPlatform() }()
	if err := s.running(ctx); err != nil {
		return err
	}
	first, err := s.user.create(ctx, "first", "local")
	if err != nil {
		return err
	}
	if err := s.stopPlatform(); err != nil {
		return err
	}
	if err := s.offline(ctx, func(server *postgres.Server) error { return fillGraph(ctx, server) }); err != nil {
		return err
	}
	if err := s.running(ctx); err != nil {
		return err
	}
	var took []duration
	for range graphRequests {
		d, err := timed(func() error {
			return s.user.call(ctx, http.MethodGet, "/v1/datasets/"+first.ID+"/lineage?depth=10", nil, nil)
		})
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	atMost(&b.table, "lineage of 100,000 edges, depth 10, 95th percentile", took[len(took)*95/100], graphLimit)
	return nil
}

func fillGraph(ctx context.Context, server *postgres.Server) error {
	db, err := pgx.Connect(ctx, server.ConnString(string(database.Datasets)))
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	for _, sql := range insertGraph {
		if _, err := db.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make a graph of lineage: %w", err)
		}
	}
	return nil
}
