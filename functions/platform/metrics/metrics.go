// Package metrics exposes the platform's metrics to Prometheus: GET /metrics.
//
// Pods are short-lived, so the counts are stored in the databases (shared/metrics), and every pod
// of this function returns the same values.
package metrics

import (
	"bytes"
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// format is the text format 0.0.4, which every Prometheus version reads.
var format = expfmt.NewFormat(expfmt.TypeTextPlain)

// Service declares the function.
var Service = function.Endpoint(function.Get("platform-metrics", "/metrics", "Metrics of the whole platform, for Prometheus", policy.Public).
	ClusterLocal().
	Describe("Available only inside the cluster, at the function's own address; the public gateway does not route to it.").
	Answers(map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}), New).
	Uses(function.Owns(database.Users), function.Owns(database.Datasets), function.Owns(database.Analytics))

// Response holds the metrics in the text format.
type Response struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// Function exposes the metrics.
type Function struct {
	databases map[database.Name]*outbox.DB
}

// New connects the function to every database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	f := &Function{databases: map[database.Name]*outbox.DB{}}
	for _, name := range database.Names {
		db, err := env.Database(ctx, name)
		if err != nil {
			return nil, err
		}
		f.databases[name] = db
	}
	return f, nil
}

// Handle returns the metrics of every database that responds; aic_database_up shows which did.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector(f.read(ctx))); err != nil {
		return nil, fmt.Errorf("collect metrics: %w", err)
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var out bytes.Buffer
	encoder := expfmt.NewEncoder(&out, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, fmt.Errorf("encode metrics: %w", err)
		}
	}
	return &Response{ContentType: string(format), Body: out.Bytes()}, nil
}
