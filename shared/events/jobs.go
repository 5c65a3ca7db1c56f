package events

import "github.com/google/uuid"

// DeliveryFailed: an event became a dead letter, because a function did not take it.
type DeliveryFailed struct {
	Function  string `json:"function"` // that did not take it
	Source    string `json:"source"`   // with EventID, names the event
	EventID   string `json:"event_id"`
	Permanent bool   `json:"permanent"` // the function refused the event, and will again
	Reason    string `json:"reason"`
}

func (DeliveryFailed) EventType() string            { return v1("platform.delivery_failed") }
func (e DeliveryFailed) EventSubject() string       { return e.EventID }
func (DeliveryFailed) EventOrganization() uuid.UUID { return uuid.Nil }

// JobFailed: the last attempt of a job has failed. The function that owns the job's
// kind ends it (job.Discard), in the transaction that changes its own state.
type JobFailed struct {
	JobID  uuid.UUID `json:"job_id"`
	Kind   string    `json:"kind"` // the function that worked on it
	Key    string    `json:"key"`  // what it worked on
	Reason string    `json:"reason"`
}

func (JobFailed) EventType() string            { return v1("jobs.failed") }
func (e JobFailed) EventSubject() string       { return e.JobID.String() }
func (JobFailed) EventOrganization() uuid.UUID { return uuid.Nil }
