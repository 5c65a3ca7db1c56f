package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
)

// broker does in one process what Knative's broker and Triggers do on a cluster: it filters and
// delivers events, retries with backoff, and sends undelivered events to the dead-letter sink. Like
// Knative's in-memory broker, it answers a producer only after delivery, so the event stays in the
// producer's outbox until then.
type broker struct {
	life     context.Context // deliveries continue after the producer has disconnected
	triggers []trigger
	address  func(service string) string // URL of a function's event receiver
	client   *http.Client
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := cloudevents.NewEventFromHTTPRequest(r)
	if err == nil {
		err = event.Validate()
	}
	if err != nil {
		http.Error(w, "this is not a CloudEvent", http.StatusBadRequest)
		return
	}
	if !b.deliverAll(*event) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// deliverAll delivers to all matching Triggers in parallel and reports whether every event reached
// its subscriber or the dead-letter sink.
func (b *broker) deliverAll(event cloudevents.Event) bool {
	var deliveries sync.WaitGroup
	lost := make(chan string, len(b.triggers))
	for _, t := range b.triggers {
		if !t.matches(event) {
			continue
		}
		deliveries.Go(func() {
			// The dead letter of a delivery has its own extensions.
			if err := b.deliver(t, event.Clone()); err != nil {
				slog.Error("event not delivered", "trigger", t.Metadata.Name, "event", event.ID(), "error", err)
				lost <- t.Metadata.Name
			}
		})
	}
	deliveries.Wait()
	return len(lost) == 0
}

// matches applies the Trigger's filter: attributes must be equal; an empty value matches any.
func (t trigger) matches(event cloudevents.Event) bool {
	attributes := map[string]string{"type": event.Type(), "source": event.Source(), "subject": event.Subject()}
	for name, want := range t.Spec.Filter.Attributes {
		if want != "" && attributes[name] != want {
			return false
		}
	}
	return true
}

func (b *broker) deliver(t trigger, event cloudevents.Event) error {
	to := b.address(t.Spec.Subscriber.Ref.Name)
	d := t.Spec.Delivery
	var failed *refusal
	for attempt := 0; ; attempt++ {
		if failed = b.post(to, event); failed == nil {
			return nil
		}
		if attempt == d.Retry || !failed.retryable() {
			break
		}
		select {
		case <-time.After(d.backoff(attempt)):
		case <-b.life.Done():
			return fmt.Errorf("stopped before retry %d: %w", attempt+1, b.life.Err())
		}
	}
	if b.life.Err() != nil {
		return fmt.Errorf("stopped: %w", failed)
	}
	sink := d.DeadLetterSink.Ref.Name
	if sink == "" {
		return failed
	}
	// The same extensions as on a dead letter of Knative.
	event.SetExtension("knativeerrordest", to)
	event.SetExtension("knativeerrorcode", strconv.Itoa(failed.status))
	event.SetExtension("knativeerrordata", base64.StdEncoding.EncodeToString(failed.body))
	if err := b.post(b.address(sink), event); err != nil {
		return fmt.Errorf("hand over dead letter: %w", err)
	}
	return nil
}

// refusal is a response other than 2xx; status is 0 if there was no response.
type refusal struct {
	status int
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("subscriber answered %d", r.status) }

// retryable reports whether Knative would retry (eventing, kncloudevents.SelectiveRetry).
func (r *refusal) retryable() bool {
	switch r.status {
	case 0, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return r.status >= 500
}

// maxKeptBody limits how much of a refusal is kept in the dead letter, as on Knative.
const maxKeptBody = 1024

func (b *broker) post(to string, event cloudevents.Event) *refusal {
	request, err := cloudevents.NewHTTPRequestFromEvent(b.life, to, event)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, body: []byte(err.Error())}
	}
	response, err := b.client.Do(request)
	if err != nil {
		return &refusal{}
	}
	defer response.Body.Close()
	var kept bytes.Buffer
	_, _ = io.Copy(&kept, io.LimitReader(response.Body, maxKeptBody))
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode/100 != 2 {
		return &refusal{status: response.StatusCode, body: kept.Bytes()}
	}
	return nil
}
