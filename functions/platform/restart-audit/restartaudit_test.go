package restartaudit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	restartaudit "function/functions/platform/restart-audit"
	"function/shared/audit"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func TestRestartAudit_IntactTrail_IsRefused(t *testing.T) {
	t.Parallel()
	p, ctx := platformtest.New(t), context.Background()
	for what, arguments := range map[string][]string{
		"trail": {"everything", uuid.NewString(), "why"}, "organization": {"users", "all", "why"}, "no reason": {"users", uuid.NewString(), ""},
	} {
		if err := restartaudit.Command.Run(ctx, p.Env, arguments); err == nil || errors.Is(err, audit.ErrIntact) {
			t.Errorf("%s: %v, want a sentence on what it takes", what, err)
		}
	}
	for _, trail := range audit.Trails {
		if err := restartaudit.Command.Run(ctx, p.Env, []string{string(trail), uuid.NewString(), "why"}); !errors.Is(err, audit.ErrIntact) {
			t.Errorf("%s: %v, want ErrIntact", trail, err)
		}
	}
}
