// Package function holds what a function's author needs: declarations of operations, events and
// schedules, and the environment that opens databases and other resources. Each function is a
// folder with a variable Service, made by Endpoint, Subscriber, Scheduled or Service. The catalog
// lists these values; dispatch, manifests and the API description are derived from it. Package
// runtime serves what is declared here.
package function

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/danielgtaylor/huma/v2"

	"function/shared/events"
	"function/shared/fault"
)

// Declaration describes one function, deployed as one Knative Service.
type Declaration struct {
	Name           string   // service name: the folder's path with a dash
	Aliases        []string // further services that run this function
	Operations     []Operation
	Requests       bool     // receives every request of its host, see OnRequest
	Signed         bool     // receives the requests of S3 clients, see OnSigned
	Subscriptions  []string // event types, with one Trigger each
	Schedule       *Schedule
	DeadLetterSink bool // receives undelivered events: the dead-letter sink of the Triggers
	Scale          Scale
	Declared       []Use // besides Callers, see [Declaration.Reaches]

	describe  func(Mount)
	construct func(context.Context, Mount, *Env) error
}

// Mount receives the parts of a function when a process serves it. Package runtime implements it.
type Mount interface {
	// Operation prepares an operation for registration with the API, with the checks that every
	// operation has. hasBody reports whether huma reads a body. refuse maps an error of the handler
	// to the error to answer with.
	Operation(o Operation, hasBody bool) (api huma.API, prepared huma.Operation, refuse func(context.Context, error) error)
	// Event adds the handler of an event type. The handler of AnyType receives all types that have
	// none.
	Event(eventType string, handle func(context.Context, cloudevents.Event) error)
	// Requests passes every HTTP request to handle unchanged.
	Requests(handle http.HandlerFunc)
	// Signed passes the requests of S3 clients to handle unchanged.
	Signed(handle http.HandlerFunc)
}

// PingType is the CloudEvents type that a PingSource sends.
const PingType = "dev.knative.sources.ping"

// AnyType stands for all event types without a handler of their own.
const AnyType = ""

// Mount constructs the function and adds its parts.
func (d Declaration) Mount(ctx context.Context, m Mount, env *Env) error {
	return d.construct(ctx, m, env.of(d))
}

// Describe adds the parts without an instance, so they can be described but not called.
func (d Declaration) Describe(m Mount) { d.describe(m) }

// NeedsCaller reports whether any operation requires an authenticated caller.
func (d Declaration) NeedsCaller() bool {
	return slices.ContainsFunc(d.Operations, func(o Operation) bool { return !o.Need.Public })
}

// Schedule is the time at which a PingSource calls a function.
type Schedule struct {
	Cron     string // five fields
	TimeZone string // IANA name; empty for UTC
}

// Scale overrides the defaults of knative/base for a function.
type Scale struct {
	Memory      string        // limit per pod, such as 512Mi
	CPU         string        // limit per pod, such as "2"
	Concurrency int           // concurrent requests per pod
	Timeout     time.Duration // per request
}

// Scaled overrides the function's default resources and limits.
func (d Declaration) Scaled(s Scale) Declaration {
	d.Scale = s
	return d
}

// Also deploys the function under further names. Env.Name tells the instance which one it runs as.
func (d Declaration) Also(names ...string) Declaration {
	d.Aliases = names
	return d
}

// Services returns the names of the function's Knative Services.
func (d Declaration) Services() []string { return append([]string{d.Name}, d.Aliases...) }

// Constructor returns a function's instance and opens what it uses.
type Constructor[F any] func(context.Context, *Env) (F, error)

// Part is one entry point of a function, made by On, OnEvent, OnSchedule, OnDeadLetter or
// OnRequest.
type Part[F any] struct {
	declare func(*Declaration)
	bind    func(Mount, F)
}

// Service declares a function with several parts, such as the operations on one small resource.
func Service[F any](name string, construct Constructor[F], parts ...Part[F]) Declaration {
	d := Declaration{Name: name}
	for _, part := range parts {
		part.declare(&d)
	}
	bind := func(m Mount, f F) {
		for _, part := range parts {
			part.bind(m, f)
		}
	}
	d.describe = func(m Mount) {
		var never F // operations are described without an instance and never called
		bind(m, never)
	}
	d.construct = func(ctx context.Context, m Mount, env *Env) error {
		f, err := construct(ctx, env)
		if err != nil {
			return err
		}
		bind(m, f)
		return nil
	}
	return d
}

// Endpoint declares a function that serves one HTTP operation. The operation's identifier is the
// function's name.
func Endpoint[F interface {
	Handle(context.Context, *I) (*O, error)
}, I, O any](operation Operation, construct Constructor[F]) Declaration {
	return Service(operation.OperationID, construct, On(operation, F.Handle))
}

// Subscriber declares a function that receives one type of event through a Trigger.
func Subscriber[F interface {
	Handle(context.Context, events.Received[E]) error
}, E events.Event](name string, construct Constructor[F]) Declaration {
	return Service(name, construct, OnEvent(F.Handle))
}

// Scheduled declares a function that a PingSource calls.
func Scheduled[F interface {
	Handle(context.Context) error
}](name string, schedule Schedule, construct Constructor[F]) Declaration {
	return Service(name, construct, OnSchedule(schedule, F.Handle))
}

// On serves an HTTP operation.
func On[F, I, O any](operation Operation, handle func(F, context.Context, *I) (*O, error)) Part[F] {
	operation.Request = reflect.TypeFor[I]()
	return Part[F]{
		declare: func(d *Declaration) { d.Operations = append(d.Operations, operation) },
		bind: func(m Mount, f F) {
			api, prepared, refuse := m.Operation(operation, hasBody(operation.Request))
			huma.Register(api, prepared, func(ctx context.Context, in *I) (*O, error) {
				out, err := handle(f, ctx, in)
				if err != nil {
					return nil, refuse(ctx, err)
				}
				return out, nil
			})
		},
	}
}

// OnEvent receives one type of event. Delivery is at least once, so handle must be idempotent (see
// outbox.Once). A fault is permanent and makes the event a dead letter, unless its kind is
// Internal, RateLimited or Unavailable; any other error is retried.
func OnEvent[F any, E events.Event](handle func(F, context.Context, events.Received[E]) error) Part[F] {
	var zero E
	return Part[F]{
		declare: func(d *Declaration) { d.Subscriptions = append(d.Subscriptions, zero.EventType()) },
		bind: func(m Mount, f F) {
			m.Event(zero.EventType(), receiver(func(ctx context.Context, e events.Received[E]) error { return handle(f, ctx, e) }))
		},
	}
}

// OnSchedule calls handle on a schedule. handle must be idempotent.
func OnSchedule[F any](schedule Schedule, handle func(F, context.Context) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Schedule = &schedule },
		bind: func(m Mount, f F) {
			m.Event(PingType, func(ctx context.Context, _ cloudevents.Event) error { return handle(f, ctx) })
		},
	}
}

// OnDeadLetter receives undelivered events of every type, with the extensions that give the reason
// (knativeerrordest, knativeerrorcode, knativeerrordata). Exactly one function of the platform is
// this sink.
func OnDeadLetter[F any](handle func(F, context.Context, cloudevents.Event) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.DeadLetterSink = true },
		bind: func(m Mount, f F) {
			m.Event(AnyType, func(ctx context.Context, e cloudevents.Event) error { return handle(f, ctx, e) })
		},
	}
}

// OnRequest receives every HTTP request unchanged, for a function that proxies requests. Such a
// function has no operations; where several functions share a host, it has no path.
func OnRequest[F any](handle func(F, http.ResponseWriter, *http.Request)) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Requests = true },
		bind: func(m Mount, f F) {
			m.Requests(func(w http.ResponseWriter, r *http.Request) { handle(f, w, r) })
		},
	}
}

// OnSigned receives the requests that are signed by AWS Signature Version 4, unchanged: those of S3
// clients, on every host and with every path. The function checks the signature and the caller's
// rights. At most one function of a host is this one.
func OnSigned[F any](handle func(F, http.ResponseWriter, *http.Request)) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Signed = true },
		bind: func(m Mount, f F) {
			m.Signed(func(w http.ResponseWriter, r *http.Request) { handle(f, w, r) })
		},
	}
}

// receiver decodes an event's data before calling handle.
func receiver[E events.Event](handle func(context.Context, events.Received[E]) error) func(context.Context, cloudevents.Event) error {
	return func(ctx context.Context, event cloudevents.Event) error {
		received := events.Received[E]{Source: event.Source(), ID: event.ID(), Time: event.Time()}
		if err := json.Unmarshal(event.Data(), &received.Data); err != nil {
			return fault.New(fault.Invalid, "The data of this event does not match its type %s", event.Type()).Because(err)
		}
		return handle(ctx, received)
	}
}
