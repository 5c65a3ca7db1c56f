package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	runner "github.com/netresearch/go-cron"

	"function/shared/cron"
	"function/shared/function"
)

// schedules calls functions by cron expression, as PingSources do.
type schedules struct {
	broker *broker
	byName map[string]pingSource
	cron   *runner.Cron
}

func newSchedules(b *broker, sources []pingSource) (*schedules, error) {
	s := &schedules{broker: b, byName: map[string]pingSource{}, cron: runner.New()}
	for _, source := range sources {
		location, err := time.LoadLocation(source.Spec.Timezone) // UTC if empty
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", source.Metadata.Name, err)
		}
		schedule, err := cron.Parse(source.Spec.Schedule, location)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", source.Metadata.Name, err)
		}
		_, err = s.cron.ScheduleJob(schedule, runner.FuncJob(func() {
			if failed := s.fire(source); failed != nil {
				slog.Error("schedule failed", "schedule", source.Metadata.Name, "status", failed.status)
			}
		}))
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", source.Metadata.Name, err)
		}
		s.byName[source.Metadata.Name] = source
	}
	return s, nil
}

func (s *schedules) fire(source pingSource) *refusal {
	event := cloudevents.NewEvent()
	event.SetID(uuid.NewString())
	event.SetType(function.PingType)
	event.SetSource("/apis/v1/namespaces/local/pingsources/" + source.Metadata.Name)
	return s.broker.post(s.broker.address(source.Spec.Sink.Ref.Name), event)
}

// ServeHTTP runs the schedule {name} now and responds when its function has.
func (s *schedules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source, ok := s.byName[r.PathValue("name")]
	if !ok {
		http.Error(w, "there is no schedule of this name", http.StatusNotFound)
		return
	}
	if failed := s.fire(source); failed != nil {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write(failed.body)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// loopbackOnly restricts the local endpoints to programs on this machine. It refuses other hosts,
// pages in a browser, and host names that others point here (DNS rebinding).
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || r.Header.Get("Origin") != "" || r.Header.Get("X-Forwarded-For") != "" {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
