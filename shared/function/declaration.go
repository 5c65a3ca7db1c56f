// Package function declares, mounts and serves the platform's functions. Each
// function is a folder with an operation, a subscription or a schedule, and a
// constructor; the catalog pairs them by Endpoint, Subscriber, Scheduled or
// Service; from the catalog come dispatch, manifests and the API's description.
package function

import (
	"context"
	"net/http"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/danielgtaylor/huma/v2"

	"function/shared/events"
)

// Declaration is one function: one Knative Service.
type Declaration struct {
	Name           string   // of the service: the folder's path with a dash
	Aliases        []string // further services that are this function
	Operations     []huma.Operation
	Requests       bool     // takes every request of its host, see OnRequest
	Subscriptions  []string // event types: a Trigger each
	Schedule       *Schedule
	DeadLetterSink bool // receives the events that could not be delivered: the Triggers' dead-letter sink
	Scale          Scale

	describe func(*Host)
	mount    func(context.Context, *Host, *Env) error
}

// Schedule is when a function wakes by itself: a PingSource.
type Schedule struct {
	Cron     string // five fields, UTC
	TimeZone string // IANA name; empty: UTC
}

// Scale is how a function deviates from the defaults of knative/base.
type Scale struct {
	Memory      string        // limit of a pod, such as 512Mi
	CPU         string        // limit of a pod, such as "2"
	Concurrency int           // requests that one pod serves at once
	Timeout     time.Duration // of one request
}

// Scaled gives a function more, or less, than the defaults.
func (d Declaration) Scaled(s Scale) Declaration {
	d.Scale = s
	return d
}

// Also deploys the function under further names; its instance learns by Env.Name
// under which one it runs.
func (d Declaration) Also(names ...string) Declaration {
	d.Aliases = names
	return d
}

// Services are the names of the function's Knative Services.
func (d Declaration) Services() []string { return append([]string{d.Name}, d.Aliases...) }

// Constructor makes a function's instance: it opens what the function uses.
type Constructor[F any] func(context.Context, *Env) (F, error)

// Part is one way into a function: On, OnEvent, OnSchedule, OnDeadLetter or
// OnRequest.
type Part[F any] struct {
	declare func(*Declaration)
	bind    func(*Host, string, F)
}

// Service declares a function of several parts, such as the operations on one
// small resource.
func Service[F any](name string, construct Constructor[F], parts ...Part[F]) Declaration {
	d := Declaration{Name: name}
	for _, part := range parts {
		part.declare(&d)
	}
	bind := func(h *Host, name string, f F) {
		for _, part := range parts {
			part.bind(h, name, f)
		}
	}
	d.describe = func(h *Host) {
		var never F // operations are described without an instance, and not called
		bind(h, name, never)
	}
	d.mount = func(ctx context.Context, h *Host, env *Env) error {
		f, err := construct(ctx, env)
		if err != nil {
			return err
		}
		bind(h, env.Name, f)
		return nil
	}
	return d
}

// Endpoint declares a function that answers one HTTP operation; the operation's
// identifier is the function's name.
func Endpoint[F interface {
	Handle(context.Context, *I) (*O, error)
}, I, O any](operation huma.Operation, construct Constructor[F]) Declaration {
	return Service(operation.OperationID, construct, On(operation, F.Handle))
}

// Subscriber declares a function that a Trigger wakes for one type of event.
func Subscriber[F interface {
	Handle(context.Context, events.Received[E]) error
}, E events.Event](name string, construct Constructor[F]) Declaration {
	return Service(name, construct, OnEvent(F.Handle))
}

// Scheduled declares a function that a PingSource wakes.
func Scheduled[F interface {
	Handle(context.Context) error
}](name string, schedule Schedule, construct Constructor[F]) Declaration {
	return Service(name, construct, OnSchedule(schedule, F.Handle))
}

// On answers an HTTP operation.
func On[F, I, O any](operation huma.Operation, handle func(F, context.Context, *I) (*O, error)) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Operations = append(d.Operations, operation) },
		bind: func(h *Host, name string, f F) {
			register(h, name, operation, func(ctx context.Context, in *I) (*O, error) { return handle(f, ctx, in) })
		},
	}
}

// OnEvent receives one type of event, at least once each: handle makes its effect
// happen once (outbox.Once). A fault is permanent, and makes the event a dead
// letter, unless its kind is Internal, Limited or Unavailable; any other error is
// tried again.
func OnEvent[F any, E events.Event](handle func(F, context.Context, events.Received[E]) error) Part[F] {
	var zero E
	return Part[F]{
		declare: func(d *Declaration) { d.Subscriptions = append(d.Subscriptions, zero.EventType()) },
		bind: func(h *Host, name string, f F) {
			h.receive(name, zero.EventType(), receiver(func(ctx context.Context, e events.Received[E]) error { return handle(f, ctx, e) }))
		},
	}
}

// OnSchedule does what is due, whenever it is woken; waking twice does no harm.
func OnSchedule[F any](schedule Schedule, handle func(F, context.Context) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Schedule = &schedule },
		bind: func(h *Host, name string, f F) {
			h.receive(name, PingType, func(ctx context.Context, _ cloudevents.Event) error { return handle(f, ctx) })
		},
	}
}

// OnDeadLetter receives every event, of whatever type, that could not be
// delivered, with the extensions that tell why (knativeerrordest, knativeerrorcode,
// knativeerrordata). One function of the platform is this sink.
func OnDeadLetter[F any](handle func(F, context.Context, cloudevents.Event) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.DeadLetterSink = true },
		bind: func(h *Host, name string, f F) {
			h.receive(name, anyType, func(ctx context.Context, e cloudevents.Event) error { return handle(f, ctx, e) })
		},
	}
}

// OnRequest takes every HTTP request as it comes, for a function that passes
// requests on. Such a function has no operations: where several functions share a
// host, it has no path of its own.
func OnRequest[F any](handle func(F, http.ResponseWriter, *http.Request)) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Requests = true },
		bind: func(h *Host, name string, f F) {
			h.requests[name] = func(w http.ResponseWriter, r *http.Request) { handle(f, w, r) }
		},
	}
}
