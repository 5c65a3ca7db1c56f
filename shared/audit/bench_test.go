package audit_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/database"
)

// An action that writes a row, with and without its audit entry, by concurrent writers of one
// organization: the chain must not make them wait for each other.
func BenchmarkActs(b *testing.B) {
	for name, audited := range map[string]bool{"plain": false, "audited": true} {
		b.Run(name, func(b *testing.B) {
			tr := newTrail(b)
			ctx := context.Background()
			if _, err := tr.db.Exec(ctx, `CREATE TABLE acts (id uuid PRIMARY KEY, what text)`); err != nil {
				b.Fatal(err)
			}
			b.SetParallelism(4)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					err := database.Transact(ctx, tr.db, func(tx *database.Tx) error {
						id := uuid.New()
						if _, err := tx.Exec(ctx, `INSERT INTO acts VALUES ($1, 'something')`, id); err != nil || !audited {
							return err
						}
						return audit.Record(ctx, tx, audit.Entry{
							Action: "things:do", OrganizationID: tr.organization, ActorID: id, ResourceID: id.String(), Detail: map[string]any{"version": 1},
						})
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acts/s")
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	tr := newTrail(b)
	ctx := context.Background()
	const n = 20_000
	for b.Loop() {
		b.StopTimer()
		_, err := tr.db.Exec(ctx, `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result, detail)
SELECT gen_random_uuid(), $1, now(), 'platform', $1, 'things:do', 'done', '{"version": 1}' FROM generate_series(1, $2)`, uuid.New(), n)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		tr.seal(n)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// Many small organizations, each with its own chain.
func BenchmarkSealOrganizations(b *testing.B) {
	tr := newTrail(b)
	ctx := context.Background()
	const organizations, each = 1000, 5
	for b.Loop() {
		b.StopTimer()
		_, err := tr.db.Exec(ctx, `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result, detail)
SELECT gen_random_uuid(), o, now(), 'platform', o, 'things:do', 'done', '{"version": 1}'
FROM (SELECT gen_random_uuid() AS o FROM generate_series(1, $1)) organizations, generate_series(1, $2)`, organizations, each)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		tr.seal(organizations * each)
	}
	b.ReportMetric(float64(organizations*b.N)/b.Elapsed().Seconds(), "organizations/s")
}

func BenchmarkExport(b *testing.B) {
	tr := newTrail(b)
	const n = 2000
	tr.record(n)
	tr.seal(n)
	for b.Loop() {
		if err := audit.Export(context.Background(), tr.db, tr.organization, time.Time{}, time.Time{}, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "entries/s")
}
