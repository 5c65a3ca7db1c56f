package trace

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestParse_ValidHeader_ContinuesTheTrace(t *testing.T) {
	t.Parallel()
	if got := Parse(parent); got != parent || got.TraceID() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("Parse = %s of trace %s", got, got.TraceID())
	}
}

func TestParse_InvalidHeader_BeginsATrace(t *testing.T) {
	t.Parallel()
	seen := map[Parent]bool{}
	for _, header := range []string{
		"", "x", strings.ToUpper(parent), parent + "\n", "\n" + parent, parent[:54], parent + "-00", strings.Repeat("0", 1<<20),
		"ff" + parent[2:],
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nSet-Cookie: a",
	} {
		got := Parse(header)
		if string(got) == header || !format.MatchString(string(got)) || seen[got] {
			t.Errorf("Parse(%.60q) = %s, want a new trace", header, got)
		}
		seen[got] = true
	}
}

func TestHandler_AddsTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(Handler{slog.NewTextHandler(&out, nil)}).With("a", 1).WithGroup("g")
	log.InfoContext(With(context.Background(), parent), "inside")
	log.InfoContext(context.Background(), "outside")
	inside, outside, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(inside, "trace_id=0af7651916cd43dd8448eb211c80319c") || strings.Contains(outside, "trace_id") {
		t.Errorf("logged %s", out.String())
	}
	if Parent("").TraceID() != "" || From(context.Background()) != "" {
		t.Error("there is a trace outside a request")
	}
}
