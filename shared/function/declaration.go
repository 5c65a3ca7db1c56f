// Package function is what the author of a function writes with: the declaration of
// its operations, events and schedule, and the environment that it opens things from.
// Each function is a folder whose Service is made by Endpoint, Subscriber, Scheduled or
// Service; the catalog lists them, and from it come dispatch, manifests and the API's
// description. Package runtime serves what is declared here.
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

// Declaration is one function: one Knative Service.
type Declaration struct {
	Name           string   // of the service: the folder's path with a dash
	Aliases        []string // further services that are this function
	Operations     []Operation
	Requests       bool     // takes every request of its host, see OnRequest
	Subscriptions  []string // event types: a Trigger each
	Schedule       *Schedule
	DeadLetterSink bool // receives the events that could not be delivered: the Triggers' dead-letter sink
	Scale          Scale
	Declared       []Use // beside its callers, see [Declaration.Reaches]

	describe  func(Mount)
	construct func(context.Context, Mount, *Env) error
}

// Mount is where a process puts the parts of a function. Package runtime implements it.
type Mount interface {
	// Operation prepares an operation that is about to be registered with the API:
	// its requests pass the checks of every operation. hasBody tells whether huma reads
	// a body. Errors are answered by what refuse makes of them.
	Operation(o Operation, hasBody bool) (api huma.API, prepared huma.Operation, refuse func(context.Context, error) error)
	// Event adds the handler of a type of event; AnyType is every type without one.
	Event(eventType string, handle func(context.Context, cloudevents.Event) error)
	// Requests passes every HTTP request on as it comes.
	Requests(handle http.HandlerFunc)
}

// PingType is the CloudEvents type that a PingSource sends.
const PingType = "dev.knative.sources.ping"

// AnyType stands for the types that a function has no handler of their own for.
const AnyType = ""

// Mount constructs the function and adds its parts.
func (d Declaration) Mount(ctx context.Context, m Mount, env *Env) error {
	return d.construct(ctx, m, env.of(d))
}

// Describe adds the parts without an instance: they may be described, not called.
func (d Declaration) Describe(m Mount) { d.describe(m) }

// NeedsCaller tells whether an operation asks who is calling.
func (d Declaration) NeedsCaller() bool {
	return slices.ContainsFunc(d.Operations, func(o Operation) bool { return !o.Need.Public })
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
	bind    func(Mount, F)
}

// Service declares a function of several parts, such as the operations on one
// small resource.
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
		var never F // operations are described without an instance, and not called
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

// Endpoint declares a function that answers one HTTP operation; the operation's
// identifier is the function's name.
func Endpoint[F interface {
	Handle(context.Context, *I) (*O, error)
}, I, O any](operation Operation, construct Constructor[F]) Declaration {
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

// OnEvent receives one type of event, at least once each: handle makes its effect
// happen once (outbox.Once). A fault is permanent, and makes the event a dead
// letter, unless its kind is Internal, Limited or Unavailable; any other error is
// tried again.
func OnEvent[F any, E events.Event](handle func(F, context.Context, events.Received[E]) error) Part[F] {
	var zero E
	return Part[F]{
		declare: func(d *Declaration) { d.Subscriptions = append(d.Subscriptions, zero.EventType()) },
		bind: func(m Mount, f F) {
			m.Event(zero.EventType(), receiver(func(ctx context.Context, e events.Received[E]) error { return handle(f, ctx, e) }))
		},
	}
}

// OnSchedule does what is due, whenever it is woken; waking twice does no harm.
func OnSchedule[F any](schedule Schedule, handle func(F, context.Context) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Schedule = &schedule },
		bind: func(m Mount, f F) {
			m.Event(PingType, func(ctx context.Context, _ cloudevents.Event) error { return handle(f, ctx) })
		},
	}
}

// OnDeadLetter receives every event, of whatever type, that could not be
// delivered, with the extensions that tell why (knativeerrordest, knativeerrorcode,
// knativeerrordata). One function of the platform is this sink.
func OnDeadLetter[F any](handle func(F, context.Context, cloudevents.Event) error) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.DeadLetterSink = true },
		bind: func(m Mount, f F) {
			m.Event(AnyType, func(ctx context.Context, e cloudevents.Event) error { return handle(f, ctx, e) })
		},
	}
}

// OnRequest takes every HTTP request as it comes, for a function that passes
// requests on. Such a function has no operations: where several functions share a
// host, it has no path of its own.
func OnRequest[F any](handle func(F, http.ResponseWriter, *http.Request)) Part[F] {
	return Part[F]{
		declare: func(d *Declaration) { d.Requests = true },
		bind: func(m Mount, f F) {
			m.Requests(func(w http.ResponseWriter, r *http.Request) { handle(f, w, r) })
		},
	}
}

// receiver decodes the data of one type of event.
func receiver[E events.Event](handle func(context.Context, events.Received[E]) error) func(context.Context, cloudevents.Event) error {
	return func(ctx context.Context, event cloudevents.Event) error {
		received := events.Received[E]{Source: event.Source(), ID: event.ID(), Time: event.Time()}
		if err := json.Unmarshal(event.Data(), &received.Data); err != nil {
			return fault.New(fault.Invalid, "The data of this event does not match its type %s", event.Type()).Because(err)
		}
		return handle(ctx, received)
	}
}
