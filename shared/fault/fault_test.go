package fault

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestKind_Each_HasAStatus(t *testing.T) {
	t.Parallel()
	for kind := Internal; kind <= Unavailable; kind++ {
		if status := kind.Status(); status < 400 || http.StatusText(status) == "" {
			t.Errorf("kind %d is answered with %d", kind, status)
		}
	}
}

func TestAs_WrappedError_IsFoundWithItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is full")
	err := fmt.Errorf("write: %w", New(Unavailable, "Try again in %d s", 5).Because(cause).After(5*time.Second))

	e, ok := As(err)
	if !ok || e.Kind != Unavailable || e.Detail != "Try again in 5 s" || e.RetryAfter != 5*time.Second {
		t.Errorf("found %+v, want what was wrapped", e)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if _, ok := As(cause); ok {
		t.Error("an error of others passes for one that callers may see")
	}
}

func TestAt_NamesTheField(t *testing.T) {
	t.Parallel()
	e := At("body.schedule", "is not %s", "cron")
	if e.Kind != Invalid || len(e.Fields) != 1 || e.Fields[0] != (Field{"body.schedule", "is not cron"}) || e.Detail != "is not cron" {
		t.Errorf("error %+v", e)
	}
}
