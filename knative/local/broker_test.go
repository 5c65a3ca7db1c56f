package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
)

// An event is delivered to all subscribers in parallel. A dead letter of one delivery must not
// affect the deliveries and retries of the others.
func TestBroker_OneSubscriberRefuses_OthersGetTheEventUnchanged(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	received := map[string][]cloudevents.Event{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := cloudevents.NewEventFromHTTPRequest(r)
		if err != nil {
			t.Error(err)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		mu.Lock()
		received[name] = append(received[name], *event)
		tries := len(received[name])
		mu.Unlock()
		switch {
		case name == "refusing":
			w.WriteHeader(http.StatusUnprocessableEntity)
		case strings.HasPrefix(name, "healthy") && tries < 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	b := &broker{life: t.Context(), client: server.Client(), address: func(service string) string { return server.URL + "/" + service }}
	for _, name := range []string{"refusing", "healthy-1", "healthy-2", "healthy-3"} {
		var tr trigger
		tr.Metadata.Name, tr.Spec.Subscriber.Ref.Name = name, name
		tr.Spec.Delivery = delivery{Retry: 5, BackoffPolicy: "linear", BackoffDelay: "PT0.01S"}
		tr.Spec.Delivery.DeadLetterSink.Ref.Name = "sink"
		b.triggers = append(b.triggers, tr)
	}
	event := cloudevents.NewEvent()
	event.SetID("1")
	event.SetSource("/tests")
	event.SetType("tests.happened")
	if !b.deliverAll(event) {
		t.Error("an event that had its effect or became a dead letter counts as lost")
	}

	for _, name := range []string{"healthy-1", "healthy-2", "healthy-3"} {
		if len(received[name]) != 3 {
			t.Errorf("%s received %d deliveries, want 3", name, len(received[name]))
		}
		for _, e := range received[name] {
			if len(e.Extensions()) != 0 {
				t.Errorf("%s received another delivery's extensions %v", name, e.Extensions())
			}
		}
	}
	if dead := received["sink"]; len(dead) != 1 || dead[0].Extensions()["knativeerrordest"] != server.URL+"/refusing" {
		t.Errorf("dead letters %v, want the refusing subscriber's alone", dead)
	}
}
