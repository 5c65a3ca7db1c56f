package main

import (
	"syscall"
	"testing"

	"function/knative/walk"
	"function/shared/platformtest"
)

// TestGovernedTeam plays a team that answers for its data, on an empty platform, with the clients that people use.
func TestGovernedTeam(t *testing.T) {
	t.Parallel()
	python := platformtest.Python(t)
	platform := start(t, shortDir(t))
	walk.RunGovernedTeam(t, walk.GovernedTarget{
		Target: platform.target(), Python: python,
		NewestMail: func(t *testing.T, address string) string { return newestMail(t, platform.url, address) },
	})
	platform.stop(syscall.SIGINT)
}
