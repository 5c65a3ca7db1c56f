// Package metrics counts events in the database, since a count in memory would be lost
// whenever a pod stops. Functions add to a counter in the transaction that it counts;
// platform-metrics reads the sums.
package metrics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

// Labels are the labels of a series.
type Labels map[string]string

// shards is the number of rows that concurrent writers of one counter are spread over.
const shards = 16

const add = `
INSERT INTO metric_counters (name, labels, shard, value)
SELECT name, labels, @shard, value FROM unnest(@names::text[], @labels::jsonb[], @values::float8[]) AS c (name, labels, value)
ON CONFLICT (name, labels, shard) DO UPDATE SET value = metric_counters.value + excluded.value`

type sample struct {
	name   string
	labels Labels
	value  float64
}

// Add increments a counter.
func Add(ctx context.Context, tx database.Writer, name string, labels Labels, value float64) error {
	return write(ctx, tx, []sample{{name, labels, value}})
}

// Buckets are the upper bounds of duration histograms in seconds, from a small file to the time
// limit of a function.
var Buckets = []float64{0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// Observe adds a duration to a histogram: its cumulative buckets, sum and count, named as in
// Prometheus.
func Observe(ctx context.Context, tx database.Writer, name string, labels Labels, d time.Duration) error {
	seconds := d.Seconds()
	samples := []sample{{name + "_sum", labels, seconds}, {name + "_count", labels, 1}}
	for _, bound := range Buckets {
		if seconds > bound {
			continue
		}
		bucket := Labels{"le": strconv.FormatFloat(bound, 'g', -1, 64)}
		for k, v := range labels {
			bucket[k] = v
		}
		samples = append(samples, sample{name + "_bucket", bucket, 1})
	}
	return write(ctx, tx, samples)
}

func write(ctx context.Context, tx database.Writer, samples []sample) error {
	var names []string
	var labels []Labels
	var values []float64
	for _, s := range samples {
		if s.labels == nil {
			s.labels = Labels{}
		}
		names, labels, values = append(names, s.name), append(labels, s.labels), append(values, s.value)
	}
	err := tx.Write(ctx, add, pgx.NamedArgs{"shard": rand.IntN(shards), "names": names, "labels": labels, "values": values})
	if err != nil {
		return fmt.Errorf("count %s: %w", samples[0].name, err)
	}
	return nil
}
