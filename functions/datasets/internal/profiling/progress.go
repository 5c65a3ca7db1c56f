package profiling

// Progress is how far the profiling of a version has come.
type Progress struct {
	Stage string  `json:"stage" doc:"What is being done" example:"infer"`
	Done  float64 `json:"done" minimum:"0" maximum:"1" doc:"Share of the whole"`
}

// SelectProgress is the progress of version v of data set d in a query; NULL unless the
// version is being profiled.
const SelectProgress = `CASE v.status WHEN 'processing' THEN (
    SELECT jsonb_build_object('stage', j.progress, 'done', j.done::float8 / j.total) FROM jobs j
    WHERE j.kind = '` + Kind + `' AND j.key = d.id || '/' || v.version AND j.state = 'running' AND j.finished_at IS NULL AND j.total > 0
) END AS progress`
