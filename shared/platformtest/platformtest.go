// Package platformtest mounts functions on their own databases, on a real PostgreSQL, and calls
// them over HTTP. It is for tests.
package platformtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/mailbox"
	"function/shared/problem"
	"function/shared/runtime"
	"function/shared/secret"
)

// Platform is a set of functions mounted for one test.
type Platform struct {
	URL     string
	Env     *function.Env
	Mailbox *mailbox.Mailbox // receives mail, see [Platform.Mail]

	t      testing.TB
	issuer *auth.Issuer

	mu        sync.Mutex
	published []cloudevents.Event
	refusal   int // status with which the broker refuses events; 0 if it accepts them
}

// New mounts functions. Everything it starts ends with the test.
func New(t testing.TB, declarations ...function.Declaration) *Platform {
	t.Helper()
	return NewWith(t, func(*function.Config) {}, declarations...)
}

// NewWith is like New with a changed configuration.
func NewWith(t testing.TB, change func(*function.Config), declarations ...function.Declaration) *Platform {
	t.Helper()
	p := &Platform{t: t}
	broker := httptest.NewServer(http.HandlerFunc(p.receive))
	box, err := mailbox.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Mailbox = box
	c := config(t, broker.URL)
	c.SMTPURL = box.URL()
	change(&c)
	c.SendsMail = c.SMTPURL != ""
	p.Env = function.NewEnv(c)
	life, end := context.WithCancel(context.Background())
	host := runtime.NewHost(life)
	mux := http.NewServeMux()
	for _, d := range declarations {
		if err := host.Mount(d, p.Env); err != nil {
			t.Fatal(err)
		}
		if receiver := host.Receiver(d.Name); receiver != nil {
			mux.Handle("POST /events/"+d.Name, receiver)
		}
	}
	server := httptest.NewServer(runtime.Front(mux, host.Handler()))
	p.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		end()
		if err := p.Env.Close(); err != nil {
			t.Error(err)
		}
		broker.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func config(t testing.TB, sink string) function.Config {
	users, datasets, analytics := cloneDatabase(t, database.Users), cloneDatabase(t, database.Datasets), cloneDatabase(t, database.Analytics)
	index := base64.StdEncoding.EncodeToString(make([]byte, 32))
	return function.Config{
		UsersDatabaseURL:     users("user_management"),
		DatasetsDatabaseURL:  datasets("data_management"),
		AnalyticsDatabaseURL: analytics("analytics"),
		IdentityDatabaseURL:  users("token_verifier"),
		CatalogDatabaseURL:   datasets("catalog_reader"),
		ReaderDatabaseURL:    analytics("analytics_reader"),

		ComplianceDatabaseURL:     users("compliance"),
		DatasetsAuditDatabaseURL:  datasets("audit_reader"),
		AnalyticsAuditDatabaseURL: analytics("audit_reader"),
		Sink:                      sink,
		StorageLocalURL:           "file://" + t.TempDir(),
		KeyURL:                    "base64key://" + base64.URLEncoding.EncodeToString(make([]byte, 32)),
		BlindIndexKey:             index,
		TokenIssuer:               "test",
		TokenAudience:             "test",
		Scratch:                   t.TempDir(),
		MailFrom:                  "Data services <no-reply@platform.example>",
		PublicURL:                 "https://platform.example",
	}
}

func (p *Platform) receive(w http.ResponseWriter, r *http.Request) {
	event, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusal != 0 {
		w.WriteHeader(p.refusal)
		return
	}
	p.published = append(p.published, *event)
	w.WriteHeader(http.StatusAccepted)
}

// BreakBroker makes the broker refuse events with a status; 0 repairs it.
func (p *Platform) BreakBroker(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusal = status
}

// Captured returns all events that have reached the broker.
func (p *Platform) Captured() []cloudevents.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.published)
}

// DB returns a database's pool, with the role of its domain.
func (p *Platform) DB(name database.Name) *pgxpool.Pool {
	p.t.Helper()
	db, err := p.Env.Database(context.Background(), name)
	if err != nil {
		p.t.Fatal(err)
	}
	return db.Pool
}

// Administrator returns a superuser's connection to a database, for access to the audit trail,
// which the domain's role lacks.
func (p *Platform) Administrator(name database.Name) *pgx.Conn {
	p.t.Helper()
	config, err := pgx.ParseConfig(Server(p.t))
	if err != nil {
		p.t.Fatal(err)
	}
	config.Database = p.DB(name).Config().ConnConfig.Database
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Caller is a logged-in caller.
type Caller struct {
	auth.Caller
	Token string
	Email string
}

// Login creates a person in a new organization, with a session and its token.
func (p *Platform) Login(role string) Caller {
	p.t.Helper()
	return p.LoginTo(uuid.Must(uuid.NewV7()), role)
}

const insertPerson = `
WITH o AS (INSERT INTO organizations (id, name) VALUES (@organization, 'test') ON CONFLICT DO NOTHING),
     u AS (INSERT INTO users (id, email_index, wrapped_key, email, first_name, last_name) VALUES (@user, @index, @key, @email, @first, @last)),
     m AS (INSERT INTO memberships (user_id, organization_id, role, status) VALUES (@user, @organization, @role, 'active'))
INSERT INTO sessions (id, user_id, organization_id, expires_at) VALUES (@session, @user, @organization, now() + interval '1 hour')`

// LoginTo is like Login for a given organization. The person's name is Ada Lovelace; there is no
// password.
func (p *Platform) LoginTo(organization uuid.UUID, role string) Caller {
	p.t.Helper()
	ctx := context.Background()
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	users := p.DB(database.Users)
	p.mu.Lock()
	if p.issuer == nil {
		p.issuer = auth.NewIssuer(users, keeper, p.Env.Config.TokenIssuer, p.Env.Config.TokenAudience)
	}
	p.mu.Unlock()
	c := auth.Caller{
		Kind: auth.Person, UserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), OrganizationID: organization,
		Roles: []string{role}, Methods: []string{"pwd"},
	}
	email := c.UserID.String() + "@example.com"
	arguments := pgx.NamedArgs{
		"organization": organization, "user": c.UserID, "session": c.SessionID, "role": role, "index": keeper.BlindIndex("users.email", email),
	}
	key, wrapped, err := keeper.NewKey(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	arguments["key"] = wrapped
	for field, value := range map[string]string{"email": email, "first": "Ada", "last": "Lovelace"} {
		sealedAs := map[string]string{"email": "users.email", "first": "users.first_name", "last": "users.last_name"}[field]
		if arguments[field], err = secret.Seal(key, sealedAs, value); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, err := users.Exec(ctx, insertPerson, arguments); err != nil {
		p.t.Fatal(err)
	}
	token, err := p.issuer.Issue(ctx, c, c.Methods...)
	if err != nil {
		p.t.Fatal(err)
	}
	return Caller{Caller: c, Token: token, Email: email}
}

const insertSession = `INSERT INTO sessions (id, user_id, organization_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`

// Again returns another session of a logged-in person. No verifier has cached it, so it has the
// person's current rights.
func (p *Platform) Again(c Caller) Caller {
	p.t.Helper()
	ctx := context.Background()
	c.SessionID = uuid.Must(uuid.NewV7())
	if _, err := p.DB(database.Users).Exec(ctx, insertSession, c.SessionID, c.UserID, c.OrganizationID); err != nil {
		p.t.Fatal(err)
	}
	var err error
	if c.Token, err = p.issuer.Issue(ctx, c.Caller, c.Methods...); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Impersonate turns a person's sessions into sessions in which a platform admin impersonates them.
func (p *Platform) Impersonate(person uuid.UUID) {
	p.t.Helper()
	admin := p.Login("owner")
	_, err := p.DB(database.Users).Exec(context.Background(), `
WITH a AS (UPDATE users SET platform_admin = true WHERE id = $1) UPDATE sessions SET impersonator_id = $1 WHERE user_id = $2`, admin.UserID, person)
	if err != nil {
		p.t.Fatal(err)
	}
}

// Answer is a function's response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode decodes the response's JSON.
func Decode[T any](t testing.TB, a Answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("answer %d is not the JSON expected: %v\n%s", a.Status, err, a.Body)
	}
	return v
}

// Do calls an operation. body is JSON text, an io.Reader, or a value to encode as JSON.
func (p *Platform) Do(token, method, path string, body any, headers ...string) Answer {
	p.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewBufferString(b)
	case io.Reader:
		reader = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, p.URL+path, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return Answer{response.StatusCode, response.Header, answer}
}

// Want fails the test unless the response has the status. A 4xx or 5xx response must also be a
// problem detail (RFC 9457) with that status.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d\n%s", a.Status, status, a.Body)
	}
	if status < 400 {
		return a
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q of an error, want application/problem+json", got)
	}
	if problem := Decode[problem.Problem](t, a); problem.Status != status || problem.Detail == "" || problem.Title == "" {
		t.Errorf("problem %+v, want status %d, a title and a detail", problem, status)
	}
	return a
}

// Published waits until at least n events of a type have reached the broker.
func Published[E events.Event](p *Platform, n int) []events.Received[E] {
	p.t.Helper()
	var zero E
	var found []events.Received[E]
	p.wait("events of type "+zero.EventType(), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		found = found[:0]
		for _, e := range p.published {
			if e.Type() != zero.EventType() {
				continue
			}
			r := events.Received[E]{Source: e.Source(), ID: e.ID(), Time: e.Time()}
			if err := json.Unmarshal(e.Data(), &r.Data); err != nil {
				p.t.Fatal(err)
			}
			found = append(found, r)
		}
		return len(found) >= n
	})
	return found
}

// wait waits for something that happens after a response. Its time limit only ends broken tests.
func (p *Platform) wait(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited a minute for %s", what)
		}
	}
}

// Deliver sends an event to a function as a Trigger does and returns the response.
func Deliver[E events.Event](p *Platform, name string, r events.Received[E]) Answer {
	p.t.Helper()
	event := cloudevents.NewEvent()
	event.SetID(r.ID)
	event.SetSource(r.Source)
	event.SetType(r.Data.EventType())
	event.SetTime(r.Time)
	if err := event.SetData(cloudevents.ApplicationJSON, r.Data); err != nil {
		p.t.Fatal(err)
	}
	return p.post(name, event)
}

// Event returns a payload as a received event, as if it had just been published.
func Event[E events.Event](data E) events.Received[E] {
	return events.Received[E]{Source: "/test", ID: uuid.NewString(), Time: time.Now().UTC(), Data: data}
}

// Wake calls a scheduled function as its PingSource does.
func (p *Platform) Wake(name string) Answer {
	p.t.Helper()
	event := cloudevents.NewEvent()
	event.SetID(uuid.NewString())
	event.SetSource("/test")
	event.SetType(function.PingType)
	return p.post(name, event)
}

func (p *Platform) post(name string, event cloudevents.Event) Answer {
	body, err := json.Marshal(event)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.Do("", http.MethodPost, "/events/"+name, bytes.NewReader(body), "Content-Type", cloudevents.ApplicationCloudEventsJSON)
}
