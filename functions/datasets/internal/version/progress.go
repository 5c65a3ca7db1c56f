package version

import (
	"io"

	"function/shared/job"
)

// scale is the number of steps in which progress is counted.
const scale = 1000

// reporter has the job tell how far the profiling has come.
type reporter struct{ job *job.Job }

func (r reporter) tell(stage string, done float64) { r.job.Progress(int64(done*scale), scale, stage) }

// within is progress from 0 to 1 of one stage, as a part of the whole.
func (r reporter) within(stage string, from, to float64) func(float64) {
	return func(done float64) { r.tell(stage, from+(to-from)*done) }
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
