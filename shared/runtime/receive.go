package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"function/shared/client"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/problem"
	"function/shared/trace"
)

// maxEvent is the size limit of an event's body: a published event and what a broker adds.
const maxEvent = 2 * events.MaxSize

type eventHandlers map[string]func(context.Context, cloudevents.Event) error // by event type

// Receiver returns the handler of a function's events, or nil if it has none. It receives
// CloudEvents over HTTP, in binary or structured mode. 2xx means that the event is processed; 422
// that it never can be, which makes it a dead letter; any other status that it may be delivered
// again.
func (h *Host) Receiver(name string) http.Handler {
	handlers, ok := h.events[name]
	if !ok {
		return nil
	}
	return h.observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
		event, err := cloudevents.NewEventFromHTTPRequest(r)
		if err == nil {
			err = event.Validate()
		}
		if err != nil {
			problem.New(r.Context(), http.StatusUnprocessableEntity, "This is not a CloudEvent", nil).Write(w)
			return
		}
		ctx := r.Context()
		if parent, ok := event.Extensions()["traceparent"].(string); ok {
			ctx = trace.With(ctx, trace.Parse(parent))
		}
		if err := h.deliver(ctx, handlers, *event); err != nil {
			problem.Of(ctx, err).Write(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
}

// deliver runs the handler to its end even when the sender stops waiting, since a retry would have
// to repeat the work. Only the end of the process cancels it.
func (h *Host) deliver(ctx context.Context, handlers eventHandlers, event cloudevents.Event) error {
	handle, ok := handlers[event.Type()]
	if !ok {
		handle, ok = handlers[function.AnyType]
	}
	if !ok {
		return fault.New(fault.Invalid, "This function does not handle events of type %s", event.Type())
	}
	ctx = client.With(ctx, client.Client{}) // the platform sent the event, from whatever address
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	began := time.Now()
	err := handle(ctx, event)
	if f, ok := fault.As(err); ok && f.Kind != fault.Internal && f.Kind != fault.RateLimited && f.Kind != fault.Unavailable {
		// Knative retries 404, 408, 409 and 429, so a permanent fault is always 422.
		err = &fault.Error{Kind: fault.Invalid, Detail: f.Detail, Fields: f.Fields, Cause: fmt.Errorf("event %s: %w", event.ID(), err)}
	}
	slog.InfoContext(ctx, "event", "type", event.Type(), "id", event.ID(), "elapsed_ms", float64(time.Since(began).Microseconds())/1000, "failed", err != nil)
	return err
}
