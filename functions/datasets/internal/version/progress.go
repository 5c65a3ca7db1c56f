package version

import (
	"io"

	"function/shared/job"
)

// scale is the total that progress is reported against.
const scale = 1000

// reporter reports the progress of a profiling job.
type reporter struct{ job *job.Job }

func (r reporter) report(stage string, done float64) { r.job.Progress(int64(done*scale), scale, stage) }

// within returns a function that maps a stage's progress from 0 to 1 to its share of the whole
// job.
func (r reporter) within(stage string, from, to float64) func(float64) {
	return func(done float64) { r.report(stage, from+(to-from)*done) }
}

// progressWriter reports how much of the total has been written.
type progressWriter struct {
	w        io.Writer
	written  int64
	total    int64
	progress func(done float64)
}

func (m *progressWriter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.written += int64(n)
	m.progress(float64(m.written) / float64(max(m.total, 1)))
	return n, err
}
