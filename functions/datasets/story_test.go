package datasets_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	_ "gocloud.dev/blob/s3blob"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/dispose"
	"function/functions/datasets/download"
	failversion "function/functions/datasets/fail-version"
	"function/functions/datasets/replicate"
	"function/functions/datasets/versions"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declarations = append([]function.Declaration{
	deletion.Service, download.Service, versions.Service, replicate.Service, dispose.Service, failversion.Service, outboxrelay.Service,
}, datasetstest.Lifecycle...)

// story takes two data sets from upload through profile and replication; one of them to its disposal.
type story struct {
	*testing.T
	p               *platformtest.Platform
	token           string
	primary, backup *faultyStore
	database        *faultyDatabase
	kept, dropped   uuid.UUID
	delivered       map[string]bool // by event and function
	patience        time.Duration   // after which callers give up
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{T: t, primary: newFaultyStore(t), backup: newFaultyStore(t), delivered: map[string]bool{}, patience: time.Minute}
	s.p = platformtest.NewWith(t, func(c *function.Config) {
		s.database = newFaultyDatabase(t, c.DatasetsDatabaseURL)
		c.DatasetsDatabaseURL = s.database.dsn
		c.StorageLocalURL, c.StorageLocalBackupURL = s.primary.url(), s.backup.url()
	}, declarations...)
	s.token = s.p.Login("owner").Token
	s.kept = datasetstest.Create(t, s.p, s.token, "kept").ID
	s.dropped = datasetstest.Create(t, s.p, s.token, "dropped").ID
	return s
}

// step is a request of a client or of the retention sweep. Its events are delivered after it.
type step struct {
	name string
	do   func(*story) reply
	want int
}

const firstFile = "id,v\na,1\nb,2\nc,3\n"

var steps = []step{
	{"upload", func(s *story) reply { return s.upload(s.kept, "", firstFile) }, http.StatusCreated},
	{"upsert", func(s *story) reply { return s.upload(s.kept, "operation=upsert&key=id", "id,v\nb,20\nd,4\n") }, http.StatusCreated},
	{"upload to another", func(s *story) reply { return s.upload(s.dropped, "", "x\n1\n") }, http.StatusCreated},
	{"download", func(s *story) reply { return s.downloadFile() }, http.StatusOK},
	{"delete", func(s *story) reply { return s.send(http.MethodDelete, "/v1/datasets/"+s.dropped.String(), "", nil) }, http.StatusNoContent},
	{"dispose", (*story).dispose, http.StatusNoContent},
}

// reply is the answer to a request, without a status if there was none.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request that the caller gives up on after a while.
func (s *story) send(method, path, contentType string, body []byte) reply {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), s.patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.p.URL+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}
	}
	return reply{response.StatusCode, response.Header, content}
}

func (s *story) upload(id uuid.UUID, parameters, csv string) reply {
	body, contentType := datasetstest.Form(s, "file", "a.csv", "", csv)
	return s.send(http.MethodPost, "/v1/datasets/"+id.String()+"/upload?"+parameters, contentType, []byte(body))
}

func (s *story) downloadFile() reply {
	return s.send(http.MethodGet, "/v1/datasets/"+s.kept.String()+"/download?version=1", "", nil)
}

// dispose delivers a sweep long after the deletion.
func (s *story) dispose() reply {
	request := retentiontest.Request("datasets", time.Now().Add(40*24*time.Hour))
	e := cloudevents.NewEvent()
	e.SetID(request.ID)
	e.SetSource(request.Source)
	e.SetType(request.Data.EventType())
	if err := e.SetData(cloudevents.ApplicationJSON, request.Data); err != nil {
		s.Fatal(err)
	}
	return s.deliver(dispose.Service.Name, e)
}

func (s *story) deliver(name string, e cloudevents.Event) reply {
	encoded, err := json.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	return s.send(http.MethodPost, "/events/"+name, cloudevents.ApplicationCloudEventsJSON, encoded)
}

// delivery is an event for one of its subscribers.
type delivery struct {
	event    cloudevents.Event
	position int // among all events: an event can be published again
	function string
}

func (d delivery) id() string { return fmt.Sprintf("event %d to %s", d.position, d.function) }

func (s *story) deliveries() []delivery {
	var all []delivery
	for i, e := range s.p.Captured() {
		for _, d := range declarations {
			if slices.Contains(d.Subscriptions, e.Type()) {
				all = append(all, delivery{e, i, d.Name})
			}
		}
	}
	return all
}

// attempt delivers the events that no function has accepted, once. It reports whether there were any.
func (s *story) attempt(order func([]delivery) []delivery) bool {
	s.Helper()
	pending := slices.DeleteFunc(s.deliveries(), func(d delivery) bool { return s.delivered[d.id()] })
	var mu sync.Mutex
	var delivering sync.WaitGroup
	for _, d := range order(pending) {
		one := func() {
			r := s.deliver(d.function, d.event)
			mu.Lock()
			defer mu.Unlock()
			if r.status < 300 && r.status > 0 {
				s.delivered[d.id()] = true
			} else if r.status/100 == 4 {
				s.Errorf("%s refused %s: %s", d.function, d.event.Type(), r.body)
			}
		}
		if len(order([]delivery{d})) > 1 {
			delivering.Go(one) // together with its second delivery
			continue
		}
		one()
	}
	delivering.Wait()
	return len(pending) > 0
}

// settle delivers events, and gives jobs their next attempt, until nothing is left to do.
func (s *story) settle(order func([]delivery) []delivery) {
	s.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		if s.attempt(order) {
			continue
		}
		datasetstest.WaitFor(s, "the outbox", func() bool {
			if err := outbox.RetryNow(s.Context(), s.p.DB(database.Datasets)); err != nil {
				s.Fatal(err)
			}
			s.p.Wake(outboxrelay.Service.Name).Want(s, http.StatusNoContent)
			return datasetstest.Count(s, s.p, `SELECT count(*) FROM outbox`) == 0
		})
		if datasetstest.Count(s, s.p, `SELECT count(*) FROM jobs WHERE finished_at IS NULL`) == 0 {
			if !slices.ContainsFunc(s.deliveries(), func(d delivery) bool { return !s.delivered[d.id()] }) {
				return
			}
			continue
		}
		if time.Now().After(deadline) {
			s.Fatal("jobs do not end")
		}
		datasetstest.MakeJobsDue(s, s.p)
	}
}

// end is what is left after a story.
type end struct {
	Versions []string // with their rows
	Rows     string   // of the newest version
	File     string   // hash of the first
	Datasets int
	Copies   int
}

const selectVersions = `
SELECT format('%s %s %s %s %s', version, status, encode(sha256, 'hex'), row_count, failure) FROM dataset_versions WHERE dataset_id = $1 ORDER BY version`

// end returns what is left, once the sweeps have run, and checks that the stores hold the objects of the
// versions and no others.
func (s *story) end() end {
	s.Helper()
	s.exec(`UPDATE staged_objects SET created_at = now() - interval '2 days'`)
	s.exec(`UPDATE object_replicas SET unwanted_at = unwanted_at - interval '1 day'`)
	if r := s.dispose(); r.status != http.StatusNoContent {
		s.Fatalf("sweep: %d %s", r.status, r.body)
	}
	s.p.Wake(replicate.Service.Name).Want(s, http.StatusNoContent)
	db := s.p.DB(database.Datasets)
	rows, _ := db.Query(s.Context(), selectVersions, s.kept)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.Fatal(err)
	}
	rows, _ = db.Query(s.Context(), `SELECT name FROM stored_objects ORDER BY name`)
	reachable, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.Fatal(err)
	}
	primary, backup := s.stored(s.primary), s.stored(s.backup)
	var names []string
	for name := range primary {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(reachable, names); diff != "" {
		s.Errorf("objects (-of versions +in the store):\n%s", diff)
	}
	if diff := cmp.Diff(primary, backup); diff != "" {
		s.Errorf("objects (-in the store +in the backup):\n%s", diff)
	}
	csv := s.send(http.MethodGet, "/v1/datasets/"+s.kept.String()+"/download?format=csv", "", nil)
	lines := strings.Split(string(csv.body), "\n")
	slices.Sort(lines)
	return end{
		Versions: all, Rows: fmt.Sprint(csv.status, lines), File: fmt.Sprintf("%x", sha256.Sum256(s.downloadFile().body)),
		Datasets: datasetstest.Count(s, s.p, `SELECT count(*) FROM datasets`),
		Copies:   datasetstest.Count(s, s.p, `SELECT count(*) FROM object_replicas WHERE verified_at IS NOT NULL AND unwanted_at IS NULL`),
	}
}

// stored returns the hashes of a store's objects.
func (s *story) stored(store *faultyStore) map[string]string {
	s.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(store.Dir, "*-*-*-*-*", "*"))
	if err != nil {
		s.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			s.Fatal(err)
		}
		name, _ := filepath.Rel(store.Dir, file)
		found[name] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	return found
}

func (s *story) exec(sql string) {
	s.Helper()
	if _, err := s.p.DB(database.Datasets).Exec(s.Context(), sql); err != nil {
		s.Fatal(err)
	}
}
