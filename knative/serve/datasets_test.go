package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

const uploadName, profileName, replicateName, disposeName = "datasets-upload", "datasets-profile", "datasets-replicate", "datasets-dispose"

// TestDatasets_Killed_EndAsWithout kills the process that profiles, copies or disposes of a data set
// at steps of its communication with the database. Another process takes the work over. Of many
// steps, some are tried, at equal distances.
func TestDatasets_Killed_EndAsWithout(t *testing.T) {
	t.Parallel()
	backup := t.TempDir()
	p := platformtest.NewWith(t, func(c *function.Config) { c.StorageLocalBackupURL = "file://" + backup },
		find(t, "datasets-create", uploadName, "datasets-get", "datasets-delete", profileName, replicateName, disposeName, "platform-outbox-relay")...)
	l := &killings{T: t, p: p, token: p.Login("owner").Token}
	retentiontest.Learn(t, p, disposeName, "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	requested := func(e events.Event) func() cloudevents.Event {
		return func() cloudevents.Event { l.upload(); return l.newest(e) }
	}
	for _, work := range []struct {
		service string
		most    int // points at which it is killed
		request func() cloudevents.Event
		finish  func(cloudevents.Event)
	}{
		{profileName, 12, requested(events.ProfileRequested{}), func(cloudevents.Event) { l.wantReady() }},
		{replicateName, 100, requested(events.ReplicationRequested{}), func(cloudevents.Event) { l.wantReady() }},
		{disposeName, 12, l.delete, func(e cloudevents.Event) {
			l.deliver(p.URL+"/events/"+disposeName, e)
			l.relay()
			l.takeOver()
			if n := datasetstest.Count(l, p, `SELECT count(*) FROM datasets WHERE id = $1`, l.id); n != 0 {
				l.Fatal("the data set is not disposed of")
			}
		}},
	} {
		kill := func(at int) (killed bool, steps int) {
			e := work.request()
			process := start(t, p, work.service, at)
			l.deliver(process.url, e)
			killed = l.died(process)
			l.relay()
			l.takeOver()
			work.finish(e)
			l.wantNothingLost()
			return killed, process.Steps()
		}
		_, total := kill(never)
		if total < fewest {
			t.Errorf("%s has %d steps: these are too few to show anything", work.service, total)
		}
		points, died := min(work.most, total), 0
		for i := range points {
			if killed, _ := kill(1 + i*(total-1)/(points-1)); killed {
				died++
			}
		}
		t.Logf("%s was killed at %d of %d points, of %d steps", work.service, died, points, total)
		if died < points-2 { // the last steps depend on the order of concurrent statements
			t.Errorf("%s survived %d of %d points", work.service, points-died, points)
		}
	}
}

// TestDatasets_DiskFull_EndAsWithout uploads and profiles a file with processes that cannot write it.
func TestDatasets_DiskFull_EndAsWithout(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, find(t, "datasets-create", uploadName, "datasets-get", profileName, "platform-outbox-relay")...)
	l := &killings{T: t, p: p, token: p.Login("owner").Token}
	l.id = datasetstest.Create(t, p, l.token, "full").ID
	var lines strings.Builder
	for range 10_000 {
		lines.WriteString(rand.Text() + "\n")
	}
	content := "a\n" + lines.String()
	process := startFull(t, p, uploadName)
	body, contentType := datasetstest.Form(t, "file", "a.csv", "", content)
	request, err := http.NewRequest(http.MethodPost, process.url+"/v1/datasets/"+l.id.String()+"/upload", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	request.Header.Set("Content-Type", contentType)
	answer, err := process.send(request)
	if err != nil || answer == nil {
		t.Fatal("no answer: ", err)
	}
	answer.Want(t, http.StatusServiceUnavailable)
	if answer.Header.Get("Retry-After") == "" || !strings.Contains(string(answer.Body), "full") {
		t.Errorf("Retry-After %q: %s", answer.Header.Get("Retry-After"), answer.Body)
	}
	process.kill()
	datasetstest.WantNothingStored(t, p)

	datasetstest.Upload(t, p, l.token, l.id, "a.csv", content).Want(t, http.StatusCreated)
	p.Env.Sender().Wait()
	uploaded := datasetstest.Objects(t, p)
	process = startFull(t, p, profileName)
	l.deliver(process.url, l.newest(events.ProfileRequested{}))
	l.died(process)
	if d := datasetstest.Get(t, p, l.token, l.id); d.Status != "processing" {
		t.Errorf("the data set is %s before the profile is repeated", d.Status)
	}
	if n := datasetstest.Objects(t, p); n != uploaded {
		t.Errorf("%d objects, want %d", n, uploaded)
	}
	l.relay()
	l.takeOver()
	l.wantReady()
}

// killings is a series of data sets whose processes are killed.
type killings struct {
	*testing.T
	p     *platformtest.Platform
	token string
	count int
	id    uuid.UUID // of the last one
	seen  int       // events that were delivered
}

func (l *killings) upload() {
	l.Helper()
	l.count++
	l.id = datasetstest.Create(l, l.p, l.token, "d"+strconv.Itoa(l.count)).ID
	datasetstest.Upload(l, l.p, l.token, l.id, "a.csv", "a,b\n1,2\n3,4\n").Want(l, http.StatusCreated)
	l.p.Env.Sender().Wait()
}

// delete deletes a data set that is ready, and returns the event of a sweep long after that.
func (l *killings) delete() cloudevents.Event {
	l.Helper()
	l.upload()
	l.takeOver()
	l.p.Do(l.token, http.MethodDelete, "/v1/datasets/"+l.id.String(), nil).Want(l, http.StatusNoContent)
	return l.sweep(time.Now().Add(40 * 24 * time.Hour))
}

// sweep returns the event of a retention sweep.
func (l *killings) sweep(at time.Time) cloudevents.Event {
	l.Helper()
	request := retentiontest.Request("datasets", at)
	e := cloudevents.NewEvent()
	e.SetID(request.ID)
	e.SetSource(request.Source)
	e.SetType(request.Data.EventType())
	if err := e.SetData(cloudevents.ApplicationJSON, request.Data); err != nil {
		l.Fatal(err)
	}
	return e
}

// newest returns the newest event of a type.
func (l *killings) newest(of events.Event) (newest cloudevents.Event) {
	for _, e := range l.p.Captured() {
		if e.Type() == of.EventType() {
			newest = e
		}
	}
	return newest
}

// deliver sends an event to a process, which may die of it.
func (l *killings) deliver(url string, e cloudevents.Event) {
	l.Helper()
	encoded, err := json.Marshal(e)
	if err != nil {
		l.Fatal(err)
	}
	client := http.Client{Timeout: patience}
	response, err := client.Post(url, cloudevents.ApplicationCloudEventsJSON, bytes.NewReader(encoded))
	if err == nil {
		response.Body.Close()
	}
}

// died waits until a process was killed or has nothing left to do, and reports whether it was killed.
func (l *killings) died(c *process) bool {
	l.Helper()
	defer func() { c.kill(); c.Close(); c.Gone(l.p.DB(database.Datasets)) }()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		idle := datasetstest.Count(l, l.p, `SELECT count(*) FROM outbox`) == 0 && c.Idle()
		select {
		case <-c.Killed():
			return true
		default:
		}
		if idle {
			return false
		}
		if time.Now().After(deadline) {
			l.Fatal("events do not reach the broker")
		}
	}
}

// relay sends what a dead process has left in the outbox.
func (l *killings) relay() {
	l.Helper()
	db := l.p.DB(database.Datasets)
	if err := outbox.RetryNow(l.Context(), db); err != nil {
		l.Fatal(err)
	}
	if _, failed, err := l.p.Env.Sender().Relay(l.Context(), db); err != nil || failed > 0 {
		l.Fatalf("%d events not relayed: %v", failed, err)
	}
}

// takeOver ends the leases, and delivers the events of the jobs until none is left.
func (l *killings) takeOver() {
	l.Helper()
	for deadline := time.Now().Add(patience); ; {
		datasetstest.MakeJobsDue(l, l.p)
		l.p.Env.Sender().Wait()
		all := l.p.Captured()
		for _, e := range all[l.seen:] {
			switch e.Type() {
			case events.ProfileRequested{}.EventType():
				l.deliver(l.p.URL+"/events/"+profileName, e)
			case events.ReplicationRequested{}.EventType():
				l.deliver(l.p.URL+"/events/"+replicateName, e)
			}
		}
		l.seen = len(all)
		if datasetstest.Count(l, l.p, `SELECT count(*) FROM jobs WHERE finished_at IS NULL`) == 0 {
			return
		}
		if time.Now().After(deadline) {
			l.Fatal("jobs do not end")
		}
	}
}

func (l *killings) wantReady() {
	l.Helper()
	if d := datasetstest.Get(l, l.p, l.token, l.id); d.Status != "ready" {
		l.Fatalf("the data set is %s", d.Status)
	}
}

// wantNothingLost checks that the store holds the objects of versions, and those that the sweep will
// find, and no others, and that every object has a verified copy.
func (l *killings) wantNothingLost() {
	l.Helper()
	known := datasetstest.Count(l, l.p, `SELECT count(*) FROM (SELECT name FROM stored_objects UNION SELECT name FROM staged_objects) o`)
	needed := datasetstest.Count(l, l.p, `SELECT count(*) FROM stored_objects`)
	if n := datasetstest.Objects(l, l.p); n > known || n < needed {
		l.Fatalf("%d objects in the store, of which %d are of versions and %d are known", n, needed, known)
	}
	if n := datasetstest.Count(l, l.p, `SELECT count(*) FROM stored_objects o JOIN object_replicas r ON r.object_name = o.name AND verified_at IS NOT NULL`); n != needed {
		l.Fatalf("%d verified copies of %d objects", n, needed)
	}
}
