package datasets

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Progress is how far the profiling of a version has come.
type Progress struct {
	Stage string  `json:"stage" doc:"What is being done" example:"infer"`
	Done  float64 `json:"done" minimum:"0" maximum:"1" doc:"Share of the whole"`
}

// measured tells how much of what is copied has been written.
type measured struct {
	w        io.Writer
	written  int64
	total    int64
	progress func(done float64)
}

func (m *measured) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.written += int64(n)
	m.progress(float64(m.written) / float64(max(m.total, 1)))
	return n, err
}

// reporter writes progress, now and then, beside the transaction that profiles:
// others see it, and nobody waits for it.
type reporter struct {
	store Store
	ctx   context.Context
	u     Upload
	stage string
	told  time.Time
}

const (
	reportEvery  = 500 * time.Millisecond
	reportWithin = time.Second

	updateProgress = `UPDATE dataset_versions SET progress = $3 WHERE dataset_id = $1 AND version = $2 AND status = 'processing'`
)

func (s Store) reporter(ctx context.Context, u Upload) *reporter {
	return &reporter{store: s, ctx: ctx, u: u}
}

func (r *reporter) tell(stage string, done float64) {
	if stage == r.stage && time.Since(r.told) < reportEvery {
		return
	}
	r.stage, r.told = stage, time.Now()
	ctx, cancel := context.WithTimeout(r.ctx, reportWithin)
	defer cancel()
	if _, err := r.store.DB.Exec(ctx, updateProgress, r.u.DatasetID, r.u.Version, Progress{Stage: stage, Done: done}); err != nil {
		slog.WarnContext(ctx, "progress not written", "error", err)
	}
}

// within is progress from 0 to 1 of one stage, as a part of the whole.
func (r *reporter) within(stage string, from, to float64) func(float64) {
	return func(done float64) { r.tell(stage, from+(to-from)*done) }
}
