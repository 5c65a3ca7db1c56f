package runtime_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/policy"
	"function/shared/runtime"
)

// serve runs one function as its container does.
func serve(t *testing.T, d function.Declaration) (url string, stop context.CancelFunc, stopped <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runtime.Serve(ctx, d, function.NewEnv(function.Config{}), listener) }()
	t.Cleanup(stop)
	return "http://" + listener.Addr().String(), stop, done
}

func status(t *testing.T, method, url, contentType, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestServe_FunctionAndHealthChecks(t *testing.T) {
	t.Parallel()
	url, stop, stopped := serve(t, (&echo{}).declare())
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodGet, runtime.LivenessPath, "", http.StatusNoContent},
		{http.MethodGet, runtime.ReadinessPath, "", http.StatusNoContent},
		{http.MethodPost, runtime.LivenessPath, "", http.StatusNotFound},
		{http.MethodPost, "/v1/tests/1", `{"count": 1}`, http.StatusOK},
		{http.MethodPost, "/", `{}`, http.StatusNotFound},
	} {
		if got := status(t, test.method, url+test.path, "application/json", test.body); got != test.want {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, got, test.want)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServe_Stopped_FinishesRequestsInProgress(t *testing.T) {
	t.Parallel()
	underway, proceed := make(chan struct{}), make(chan struct{})
	wait := func(ctx context.Context) error { underway <- struct{}{}; <-proceed; return ctx.Err() }
	d := function.Service("tests-slow", (&echo{answer: wait, receive: wait}).construct,
		function.On(operation(policy.Public), (*echo).Handle),
		function.OnEvent(func(e *echo, ctx context.Context, _ events.Received[events.UserLoggedIn]) error {
			return e.receive(ctx)
		}))
	url, stop, stopped := serve(t, d)
	answers := make(chan int, 2)
	go func() { answers <- status(t, http.MethodPost, url+"/v1/tests/1", "application/json", `{"count": 1}`) }()
	go func() {
		answers <- status(t, http.MethodPost, url+"/", "application/cloudevents+json",
			`{"specversion": "1.0", "id": "`+uuid.NewString()+`", "source": "/x", "type": "com.appliedinnovationcorp.data.users.logged_in.v1", "data": {}}`)
	}()
	<-underway
	<-underway

	stop()
	for { // until it accepts no more connections
		connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		connection.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped (%v) with requests under way", err)
	default:
	}
	close(proceed)

	if first, second := <-answers, <-answers; first+second != http.StatusOK+http.StatusNoContent {
		t.Errorf("answers %d and %d, want 200 and 204", first, second)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServe_CannotStart_SaysWhy(t *testing.T) {
	t.Parallel()
	needs := func(ctx context.Context, env *function.Env) (*echo, error) {
		_, err := env.Database(ctx, "analytics_db")
		return nil, err
	}
	_, _, stopped := serve(t, function.Endpoint(operation(policy.Public), needs).Uses(function.Owns(database.Analytics)))
	if err := <-stopped; err == nil || !strings.Contains(err.Error(), "analytics_db") || !strings.Contains(err.Error(), "tests-echo") {
		t.Errorf("error %v, want one that names the function and the database", err)
	}
}
