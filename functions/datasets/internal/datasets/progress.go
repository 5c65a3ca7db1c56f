package datasets

import (
	"io"

	"function/shared/job"
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

// SelectProgress is the progress of version v of data set d in a query; NULL unless the
// version is being profiled.
const SelectProgress = `CASE v.status WHEN 'processing' THEN (
    SELECT jsonb_build_object('stage', j.progress, 'done', j.done::float8 / j.total) FROM jobs j
    WHERE j.kind = '` + ProfileKind + `' AND j.key = d.id || '/' || v.version AND j.state = 'running' AND j.finished_at IS NULL AND j.total > 0
) END AS progress`

// scale is the number of steps in which progress is counted.
const scale = 1000

// reporter has the job tell how far the profiling has come.
type reporter struct{ job *job.Job }

func (r reporter) tell(stage string, done float64) { r.job.Progress(int64(done*scale), scale, stage) }

// within is progress from 0 to 1 of one stage, as a part of the whole.
func (r reporter) within(stage string, from, to float64) func(float64) {
	return func(done float64) { r.tell(stage, from+(to-from)*done) }
}
