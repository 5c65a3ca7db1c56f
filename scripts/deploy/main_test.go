package main

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestDeploy_Signal_EndsKubectlAndItself(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c := newCluster(t, settings{Hangs: "rollout"})
		cmd := c.command(nil, "databases")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for len(c.calls("rollout")) == 0 && len(ended) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := <-ended; !errors.As(err, &exit) || exit.ExitCode() != 128+int(signal) {
			t.Errorf("after %s: %v", signal, err)
		}
		if calls := c.calls("describe", "logs"); len(calls) > 0 {
			t.Errorf("after %s kubectl is called: %q", signal, calls)
		}
	}
}
