package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
)

const (
	lookEvery   = 500 * time.Millisecond
	remindEvery = 15 * time.Second // a comment keeps proxies from closing the connection
	writeTime   = 30 * time.Second // after which a client that accepts nothing has gone
)

// WatchResponse writes the events.
type WatchResponse struct{ Body func(huma.Context) }

// Watch sends the unfinished jobs as they change.
func (f *Function) Watch(ctx context.Context, in *Request) (*WatchResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	return &WatchResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no")
		s := stream{w: w, connection: http.NewResponseController(w)}
		if err := f.watch(r.Context(), in.ID, s); err != nil && r.Context().Err() == nil {
			slog.WarnContext(ctx, "watching jobs ended", "error", err)
		}
		_ = s.connection.SetWriteDeadline(time.Time{}) // the next request on the connection sets its own deadline
	}}, nil
}

func (f *Function) watch(ctx context.Context, id uuid.UUID, s stream) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var sent []byte
	for at := time.Now(); ; {
		jobs, err := f.jobs(ctx, id, true)
		if err != nil {
			return err
		}
		list, err := json.Marshal(jobs)
		if err != nil {
			return fmt.Errorf("encode jobs: %w", err)
		}
		switch {
		case !bytes.Equal(list, sent):
			sent, at = list, time.Now()
			err = s.send("event: jobs\ndata: " + string(list) + "\n\n")
		case time.Since(at) > remindEvery:
			at = time.Now()
			err = s.send(": still working\n\n")
		}
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			return s.send("event: end\ndata: {}\n\n")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// stream writes server-sent events (HTML Standard §9.2).
type stream struct {
	w          http.ResponseWriter
	connection *http.ResponseController
}

func (s stream) send(event string) error {
	_ = s.connection.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.w.Write([]byte(event)); err != nil {
		return err
	}
	return s.connection.Flush()
}
