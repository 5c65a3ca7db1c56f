package events

import "github.com/google/uuid"

// DeliveryFailed reports that an event became a dead letter because a function did not accept it.
type DeliveryFailed struct {
	Function  string `json:"function"` // the function that did not accept it
	Source    string `json:"source"`   // identifies the event, with EventID
	EventID   string `json:"event_id"`
	Permanent bool   `json:"permanent"` // the function refused the event and would refuse it again
	Reason    string `json:"reason"`
}

func (DeliveryFailed) EventType() string            { return v1("platform.delivery_failed") }
func (e DeliveryFailed) EventSubject() string       { return e.EventID }
func (DeliveryFailed) EventOrganization() uuid.UUID { return uuid.Nil }

// JobFailed reports that a job's last attempt failed. The function of the job's kind ends the job
// (job.OnFailure) in the transaction that changes its own state.
type JobFailed struct {
	JobID  uuid.UUID `json:"job_id"`
	Kind   string    `json:"kind"` // the function that runs the job
	Key    string    `json:"key"`  // the object of the work
	Reason string    `json:"reason"`
}

func (JobFailed) EventType() string            { return v1("jobs.failed") }
func (e JobFailed) EventSubject() string       { return e.JobID.String() }
func (JobFailed) EventOrganization() uuid.UUID { return uuid.Nil }
