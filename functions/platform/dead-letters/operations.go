package deadletters

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/page"
	"function/shared/policy"
)

// Letter is an event that one destination did not accept.
type Letter struct {
	ID             uuid.UUID  `json:"id" format:"uuid"`
	OrganizationID *uuid.UUID `json:"organization_id,omitempty" format:"uuid" doc:"Absent if it belongs to no organization"`
	Source         string     `json:"source" doc:"The function that published the event"`
	EventID        string     `json:"event_id" doc:"Identifies the event together with source"`
	EventType      string     `json:"event_type"`
	Destination    string     `json:"destination" doc:"The subscriber that did not accept the event"`
	StatusCode     *int       `json:"status_code,omitempty" doc:"Status of the destination's response; absent if there was none"`
	Reason         string     `json:"reason"`
	Deliveries     int        `json:"deliveries" doc:"How often its delivery has failed"`
	FailedAt       time.Time  `json:"failed_at" doc:"When its delivery last failed"`
	RedeliveredAt  *time.Time `json:"redelivered_at,omitempty" doc:"When it was last sent again. If before failed_at, delivery failed again"`
}

// ListRequest selects one page.
type ListRequest struct{ page.Query }

// ListResponse is one page of dead letters.
type ListResponse struct{ Body page.Page[Letter] }

// Request identifies a dead letter.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// GetResponse is a dead letter with its event.
type GetResponse struct {
	Body struct {
		Letter
		Event json.RawMessage `json:"event" doc:"The CloudEvent, in its JSON format"`
	}
}

const (
	letterColumns = `id, organization_id, source, event_id, event_type, destination, status_code, reason, deliveries, failed_at, redelivered_at`
	selectLetters = `SELECT ` + letterColumns + ` FROM platform.dead_letters
WHERE (organization_id = @organization OR @admin AND organization_id IS NULL) AND id < @before ORDER BY id DESC LIMIT @limit`
	selectLetter    = `SELECT ` + letterColumns + `, event FROM platform.dead_letters WHERE (organization_id = $1 OR $2 AND organization_id IS NULL) AND id = $3`
	markRedelivered = `UPDATE platform.dead_letters SET redelivered_at = now() WHERE id = $1`
)

// isAdmin reports whether the caller may see dead letters that belong to no organization.
func isAdmin(c auth.Caller) bool { return slices.Contains(c.Subject.Roles, policy.PlatformAdmin) }

// List lists the dead letters that the caller may see.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	letters, err := page.List(ctx, f.db, in.Query, func(l Letter) uuid.UUID { return l.ID }, selectLetters, pgx.NamedArgs{"organization": caller.OrganizationID, "admin": isAdmin(caller)})
	return &ListResponse{Body: letters}, err
}

type storedLetter struct {
	Letter
	Event []byte
}

func (f *Function) find(ctx context.Context, id uuid.UUID) (storedLetter, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return storedLetter{}, err
	}
	letter, err := database.One[storedLetter](ctx, f.db, fault.New(fault.NotFound, "There is no dead letter with this identifier"), selectLetter, caller.OrganizationID, isAdmin(caller), id)
	if err != nil {
		return storedLetter{}, err
	}
	return letter, nil
}

// entry returns the audit entry of an action on the letter.
func (k storedLetter) entry(action string) audit.Entry {
	return audit.Entry{Action: action, ResourceID: k.ID.String(), Platform: k.OrganizationID == nil}
}

// Get returns a dead letter with its event, and records in the audit trail who has seen it.
func (f *Function) Get(ctx context.Context, in *Request) (*GetResponse, error) {
	letter, err := f.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	err = audit.Record(ctx, f.db, letter.entry("dead_letters:read"))
	if err != nil {
		return nil, err
	}
	var out GetResponse
	out.Body.Letter, out.Body.Event = letter.Letter, letter.Event
	return &out, nil
}

// redeliver is the audited action of sending an event again.
const redeliver = "dead_letters:redeliver"

// Redeliver sends the event again with its original identifier.
func (f *Function) Redeliver(ctx context.Context, in *Request) (*struct{}, error) {
	letter, err := f.find(ctx, in.ID)
	if err != nil {
		return nil, act.Refused(ctx, f.db, audit.Entry{Action: redeliver, ResourceID: in.ID.String()}, err)
	}
	var event cloudevents.Event
	if err := json.Unmarshal(letter.Event, &event); err != nil {
		return nil, fmt.Errorf("decode dead letter: %w", err)
	}
	entry := letter.entry(redeliver)
	if err := audit.Record(ctx, f.db, entry); err != nil { // before sending, which cannot be undone
		return nil, err
	}
	if err := f.sender.Post(ctx, event); err != nil {
		refusal := fault.New(fault.Unavailable, "The broker did not accept the event; try again").After(5 * time.Second).Because(err)
		entry.Refused = refusal.Detail
		return nil, cmp.Or(audit.Record(ctx, f.db, entry), error(refusal))
	}
	if _, err := f.db.Exec(ctx, markRedelivered, in.ID); err != nil {
		return nil, fmt.Errorf("mark dead letter as redelivered: %w", err)
	}
	return nil, nil
}
