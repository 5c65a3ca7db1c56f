package runtime_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/runtime"
	"function/shared/trace"
)

// inbox is a function that receives one type of event.
type inbox struct {
	handle func(context.Context, events.Received[events.UserLoggedIn]) error
}

func (i *inbox) construct(context.Context, *function.Env) (*inbox, error) { return i, nil }

func (i *inbox) Handle(ctx context.Context, e events.Received[events.UserLoggedIn]) error {
	return i.handle(ctx, e)
}

func (i *inbox) declare() function.Declaration {
	return function.Subscriber("tests-inbox", i.construct)
}

func deliver(t *testing.T, d function.Declaration, r *http.Request) platformtest.Answer {
	t.Helper()
	host := runtime.NewHost(context.Background())
	if err := host.Mount(d, function.NewEnv(function.Config{})); err != nil {
		t.Fatal(err)
	}
	return answerOf(t, host.Receiver(d.Name), r)
}

func structured(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", cloudevents.ApplicationCloudEventsJSON)
	return r
}

// loggedIn returns an event with some data, in structured mode.
func loggedIn(data string) *http.Request {
	return structured(`{"specversion": "1.0", "id": "1", "source": "/functions/users-login", "time": "2026-01-02T03:04:05Z",
		"type": "com.appliedinnovationcorp.data.users.logged_in.v1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "data": ` + data + `}`)
}

func binary(data string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(data))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/functions/users-login", "Ce-Time": "2026-01-02T03:04:05Z",
		"Ce-Type": "com.appliedinnovationcorp.data.users.logged_in.v1", "Ce-Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		r.Header.Set(name, value)
	}
	return r
}

func TestReceiver_BinaryOrStructured_IsDelivered(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for mode, r := range map[string]*http.Request{"structured": loggedIn(`{"user_id": "` + id.String() + `"}`), "binary": binary(`{"user_id": "` + id.String() + `"}`)} {
		var got events.Received[events.UserLoggedIn]
		var traceID string
		d := (&inbox{func(ctx context.Context, e events.Received[events.UserLoggedIn]) error {
			got, traceID = e, trace.From(ctx).TraceID()
			return nil
		}}).declare()
		deliver(t, d, r).Want(t, http.StatusNoContent)
		if got.ID != "1" || got.Source != "/functions/users-login" || got.Data.UserID != id || got.Time.Year() != 2026 {
			t.Errorf("%s: received %+v", mode, got)
		}
		if traceID != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s: trace %s, want the event's", mode, traceID)
		}
	}
}

func TestReceiver_NotAnEvent_IsRefusedPermanently(t *testing.T) {
	t.Parallel()
	d := (&inbox{func(context.Context, events.Received[events.UserLoggedIn]) error { return errors.New("must not run") }}).declare()
	noType := binary(`{}`)
	noType.Header.Del("Ce-Type")
	noID := binary(`{}`)
	noID.Header.Del("Ce-Id")
	unknown := binary(`{}`)
	unknown.Header.Set("Ce-Type", "com.example.unknown")
	version := binary(`{}`)
	version.Header.Set("Ce-Specversion", "9.9")
	for name, r := range map[string]*http.Request{
		"plain JSON": post("/", `{}`), "empty": structured(``), "not JSON": structured(`{`), "list": structured(`[]`), "null": structured(`null`), "no attributes": structured(`{}`),
		"batch": func() *http.Request {
			r := structured(`[]`)
			r.Header.Set("Content-Type", "application/cloudevents-batch+json")
			return r
		}(),
		"no type": noType, "no id": noID, "unknown type": unknown, "unknown version": version,
		"oversized":    loggedIn(`"` + strings.Repeat("x", 2*events.MaxSize) + `"`),
		"wrong data":   loggedIn(`{"user_id": "nobody"}`),
		"data a text":  loggedIn(`"x"`),
		"data missing": binary(``),
		"data broken":  binary(`{"user_id`),
	} {
		t.Run(name, func(t *testing.T) { deliver(t, d, r).Want(t, http.StatusUnprocessableEntity) })
	}
}

func TestReceiver_Status_ShowsWhetherToRetry(t *testing.T) {
	t.Parallel()
	permanent, transient := http.StatusUnprocessableEntity, http.StatusInternalServerError
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"malformed": {fault.New(fault.Malformed, "x"), permanent}, "unauthenticated": {fault.New(fault.Unauthenticated, "x"), permanent},
		"forbidden": {fault.New(fault.Forbidden, "x"), permanent}, "not found": {fault.New(fault.NotFound, "x"), permanent},
		"conflict": {fault.New(fault.Conflict, "x"), permanent}, "too large": {fault.New(fault.TooLarge, "x"), permanent},
		"unsupported": {fault.New(fault.Unsupported, "x"), permanent}, "invalid": {fault.New(fault.Invalid, "x"), permanent},
		"limited": {fault.New(fault.RateLimited, "x"), http.StatusTooManyRequests}, "unavailable": {fault.New(fault.Unavailable, "x"), http.StatusServiceUnavailable},
		"deadline": {context.DeadlineExceeded, http.StatusServiceUnavailable}, "untyped": {errors.New("x"), transient},
	} {
		t.Run(name, func(t *testing.T) {
			d := (&inbox{func(context.Context, events.Received[events.UserLoggedIn]) error { return test.err }}).declare()
			deliver(t, d, loggedIn(`{}`)).Want(t, test.status)
		})
	}
	d := (&inbox{func(context.Context, events.Received[events.UserLoggedIn]) error { panic("x") }}).declare()
	deliver(t, d, loggedIn(`{}`)).Want(t, transient)
}

func TestReceiver_SenderDisconnects_WorkContinues(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(context.Background())
	d := (&inbox{func(ctx context.Context, _ events.Received[events.UserLoggedIn]) error { giveUp(); return ctx.Err() }}).declare()
	deliver(t, d, loggedIn(`{}`).WithContext(ctx)).Want(t, http.StatusNoContent)
}

func TestReceiver_ProcessEnds_WorkStops(t *testing.T) {
	t.Parallel()
	life, end := context.WithCancel(context.Background())
	host := runtime.NewHost(life)
	d := (&inbox{func(ctx context.Context, _ events.Received[events.UserLoggedIn]) error {
		end()
		<-ctx.Done()
		return ctx.Err()
	}}).declare()
	if err := host.Mount(d, function.NewEnv(function.Config{})); err != nil {
		t.Fatal(err)
	}
	answerOf(t, host.Receiver(d.Name), loggedIn(`{}`)).Want(t, http.StatusServiceUnavailable)
}

func TestReceiver_SeveralParts_ReceiveTheirOwnEvents(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(what string) func(*inbox, context.Context) error {
		return func(*inbox, context.Context) error { got = append(got, what); return nil }
	}
	d := function.Service("tests-parts", (&inbox{}).construct,
		function.OnEvent(func(i *inbox, ctx context.Context, _ events.Received[events.UserLoggedIn]) error {
			return note("login")(i, ctx)
		}),
		function.OnSchedule(function.Schedule{Cron: "* * * * *"}, note("schedule")),
		function.OnDeadLetter(func(i *inbox, ctx context.Context, e cloudevents.Event) error { return note("dead "+e.Type())(i, ctx) }),
	)
	ping := binary(``)
	ping.Header.Set("Ce-Type", function.PingType)
	other := binary(`{`)
	other.Header.Set("Ce-Type", "com.example.other")
	for _, r := range []*http.Request{loggedIn(`{}`), ping, other} {
		deliver(t, d, r).Want(t, http.StatusNoContent)
	}
	if want := "login, schedule, dead com.example.other"; strings.Join(got, ", ") != want {
		t.Errorf("received %q, want %q", strings.Join(got, ", "), want)
	}
	if len(d.Subscriptions) != 1 || d.Schedule == nil || d.Schedule.Cron != "* * * * *" || !d.DeadLetterSink {
		t.Errorf("declared %+v", d)
	}
}
