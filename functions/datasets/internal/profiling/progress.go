package profiling

// Progress is the progress of a version's profiling.
type Progress struct {
	Stage string  `json:"stage" doc:"Current stage of the work" example:"write"`
	Done  float64 `json:"done" minimum:"0" maximum:"1" doc:"Completed share of the whole"`
}

// SelectProgress is the SQL expression for the progress of version v of data set d. It is NULL
// unless the version is being profiled.
const SelectProgress = `CASE v.status WHEN 'processing' THEN (
    SELECT jsonb_build_object('stage', j.progress, 'done', j.done::float8 / j.total) FROM jobs j
    WHERE j.kind = '` + Kind + `' AND j.key = d.id || '/' || v.version AND j.state = 'running' AND j.finished_at IS NULL AND j.total > 0
) END AS progress`
