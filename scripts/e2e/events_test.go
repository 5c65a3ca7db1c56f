//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"

	"function/shared/events"
)

const broker = "http://broker-ingress.knative-eventing.svc.cluster.local/" + namespace + "/default"

func testEvents(t *testing.T) {
	t.Run("every Trigger delivers to a function at zero, and its dead letters", everyTriggerDelivers)
	t.Run("a failure is tried again, buried and redelivered", failureIsBuried)
	t.Run("every PingSource fires", everyPingSourceFires)
}

type letter struct {
	ID          string `json:"id"`
	EventID     string `json:"event_id"`
	EventType   string `json:"event_type"`
	Destination string `json:"destination"`
	Reason      string `json:"reason"`
}

func (p *person) letters(t *testing.T) []letter {
	t.Helper()
	var l struct{ Items []letter }
	p.call(t, http.MethodGet, "/v1/platform/dead-letters?limit=100", nil, http.StatusOK, &l)
	return l.Items
}

type trigger struct {
	Metadata metadata
	Spec     struct {
		Filter     struct{ Attributes struct{ Type string } }
		Subscriber struct{ Ref struct{ Name string } }
	}
}

// everyTriggerDelivers sends each function an event whose data it permanently refuses. The
// resulting dead letter proves that the function was started and called.
func everyTriggerDelivers(t *testing.T) {
	owner := register(t)
	var all struct{ Items []trigger }
	api(t, http.MethodGet, triggers, nil, &all)
	var took []time.Duration
	for _, each := range all.Items {
		function := each.Spec.Subscriber.Ref.Name
		awaitZero(t, function)
		event := cloudevents.NewEvent()
		event.SetID(uuid.NewString())
		event.SetSource("/functions/e2e")
		event.SetType(each.Spec.Filter.Attributes.Type)
		event.SetExtension("organizationid", owner.OrganizationID)
		if err := event.SetData(cloudevents.ApplicationJSON, []byte(`"not what it takes"`)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		publish(t, event)
		took = append(took, time.Since(began).Round(time.Millisecond))
		buried := slices.ContainsFunc(owner.letters(t), func(l letter) bool {
			return l.EventID == event.ID() && strings.Contains(l.Destination, "//"+function+".") && strings.Contains(l.Reason, "does not match its type")
		})
		if !buried {
			t.Errorf("Trigger %s: the event that %s was to refuse is no dead letter", each.Metadata.Name, function)
		}
	}
	figure("Trigger to a function at zero, refused, buried", "%v, worst %v", median(took), slices.Max(took))
}

func publish(t *testing.T, event cloudevents.Event) {
	t.Helper()
	response, err := post(broker, event)
	if err != nil {
		t.Fatal(err)
	}
	if content, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusAccepted {
		t.Fatalf("the broker answered %s: %s", response.Status, content)
	}
}

// failureIsBuried revokes a function's right to insert into its table, so that its event is tried
// six times with growing pauses and becomes a dead letter. It takes effect once it is redelivered.
func failureIsBuried(t *testing.T) {
	const function = "analytics-project-logins"
	owner := register(t)
	admin := database(t, "analytics_db")
	login := events.UserLoggedIn{
		SessionID: uuid.New(), UserID: uuid.MustParse(owner.ID), OrganizationID: uuid.MustParse(owner.OrganizationID), LoggedInAt: time.Now().UTC(),
	}
	event := cloudevents.NewEvent()
	event.SetID(uuid.NewString())
	event.SetSource("/functions/e2e")
	event.SetType(login.EventType())
	event.SetExtension("organizationid", owner.OrganizationID)
	if err := event.SetData(cloudevents.ApplicationJSON, login); err != nil {
		t.Fatal(err)
	}
	execute(t, admin, "REVOKE INSERT ON projections.logins FROM analytics")
	defer execute(t, admin, "GRANT INSERT ON projections.logins TO analytics")
	publish(t, event) // this broker responds once the event is a dead letter

	attempts := attemptsOf(t, function, event.ID())
	if len(attempts) != 6 {
		t.Errorf("%s was asked %d times, want 6", function, len(attempts))
	}
	var pauses []string
	for i := 1; i < len(attempts); i++ {
		pause := attempts[i].Sub(attempts[i-1])
		pauses = append(pauses, pause.Round(100*time.Millisecond).String())
		if want := time.Second << (i - 1); pause < want {
			t.Errorf("pause %d is %v, want %v", i, pause, want)
		}
	}
	figure("pauses before each try", "%s", strings.Join(pauses, ", "))

	buried := owner.letters(t)
	if len(buried) != 1 || buried[0].EventID != event.ID() {
		t.Fatalf("dead letters %+v, want the event %s", buried, event.ID())
	}
	execute(t, admin, "GRANT INSERT ON projections.logins TO analytics")
	owner.call(t, http.MethodPost, "/v1/platform/dead-letters/"+buried[0].ID+"/redeliver", nil, http.StatusAccepted, nil)
	await(t, "the redelivered event's effect", func() bool {
		return count(t, admin, "SELECT count(*) FROM projections.logins WHERE id = $1", login.SessionID) == 1
	})
}

var logTime = regexp.MustCompile(`"time":"([^"]+)"`)

// attemptsOf returns the times at which a function received an event, from its own log.
func attemptsOf(t *testing.T, function, id string) (times []time.Time) {
	t.Helper()
	for _, pod := range list(t, pods+"?labelSelector=serving.knative.dev/service="+function) {
		response, err := http.Get(apiServer + pods + "/" + pod.Metadata.Name + "/log?container=function")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		log, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(log), "\n") {
			found := logTime.FindStringSubmatch(line)
			if found == nil || !strings.Contains(line, `"msg":"event"`) || !strings.Contains(line, id) {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, found[1])
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// everyPingSourceFires sets each schedule to every minute and waits until its function is called at
// the start of a minute.
func everyPingSourceFires(t *testing.T) {
	starts := watch(t, pods)
	due := map[string]bool{}
	for _, source := range list(t, pingSources) {
		name := source.Metadata.Name
		due[name] = true
		var before struct{ Spec struct{ Schedule string } }
		api(t, http.MethodGet, pingSources+"/"+name, nil, &before)
		if before.Spec.Schedule == "* * * * *" {
			continue
		}
		api(t, http.MethodPatch, pingSources+"/"+name, []byte(`{"spec": {"schedule": "* * * * *"}}`), nil)
		defer api(t, http.MethodPatch, pingSources+"/"+name, fmt.Appendf(nil, `{"spec": {"schedule": %q}}`, before.Spec.Schedule), nil)
	}
	var late []time.Duration
	for end := time.After(patience); len(due) > 0; {
		select {
		case o := <-starts:
			name := o.Object.Metadata.service()
			if o.Type != "ADDED" || !due[name] {
				continue
			}
			after := o.At.Sub(o.At.Truncate(time.Minute))
			if after > 20*time.Second {
				continue // it existed before
			}
			delete(due, name)
			late = append(late, after.Round(time.Millisecond))
		case <-end:
			t.Fatalf("not woken by their PingSources: %v", due)
		}
	}
	figure("PingSource fires after the minute began", "%v, worst %v", median(late), slices.Max(late))
}
