package main

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/platformtest"
)

func TestRestartOfATrailIsRefusedUnlessItIsBroken(t *testing.T) {
	t.Parallel()
	p, ctx := platformtest.New(t), context.Background()
	for what, arguments := range map[string][3]string{
		"trail": {"everything", uuid.NewString(), "why"}, "organization": {"users", "all", "why"}, "no reason": {"users", uuid.NewString(), ""},
	} {
		if err := restartAudit(ctx, p.Env.Config, audit.Trail(arguments[0]), arguments[1], arguments[2]); err == nil || errors.Is(err, audit.ErrWhole) {
			t.Errorf("%s: %v, want a sentence on what it takes", what, err)
		}
	}
	for _, trail := range audit.Trails {
		if err := restartAudit(ctx, p.Env.Config, trail, uuid.NewString(), "why"); !errors.Is(err, audit.ErrWhole) {
			t.Errorf("%s: %v, want ErrWhole", trail, err)
		}
	}
}
