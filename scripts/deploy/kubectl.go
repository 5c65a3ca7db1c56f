package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// kubectl runs the kubectl of the PATH. Secret values never go into its arguments, which
// other processes can read, but to its standard input.
type kubectl struct {
	log io.Writer // what kubectl says on standard error
}

// run returns what kubectl prints. An error has kubectl's own message.
func (k kubectl) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	var out, problems bytes.Buffer
	cmd := k.command(ctx, args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, failure(ctx, args, err, problems.String())
	}
	_, err := k.log.Write(problems.Bytes())
	return out.Bytes(), err
}

// show runs kubectl for what it prints, which goes to the log at once.
func (k kubectl) show(ctx context.Context, args ...string) error {
	cmd := k.command(ctx, args)
	cmd.Stdout, cmd.Stderr = k.log, k.log
	if err := cmd.Run(); err != nil {
		return failure(ctx, args, err, "")
	}
	return nil
}

func (k kubectl) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func failure(ctx context.Context, args []string, err error, message string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if message = strings.TrimSpace(message); message == "" {
		message = err.Error()
	}
	return fmt.Errorf("kubectl %s: %s", strings.Join(args, " "), message)
}

// get reads a resource, or a list of them, into v, and tells whether it exists.
func (k kubectl) get(ctx context.Context, v any, args ...string) (bool, error) {
	out, err := k.run(ctx, nil, append([]string{"get", "--ignore-not-found", "-o", "json"}, args...)...)
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return false, err
	}
	if err := json.Unmarshal(out, v); err != nil {
		return false, fmt.Errorf("kubectl get %s: %w", strings.Join(args, " "), err)
	}
	return true, nil
}

// exists tells whether there is a resource.
func (k kubectl) exists(ctx context.Context, args ...string) (bool, error) {
	out, err := k.run(ctx, nil, append([]string{"get", "--ignore-not-found", "-o", "name"}, args...)...)
	return len(bytes.TrimSpace(out)) > 0, err
}

// apply makes the cluster have what manifests say: those of -k FOLDER, or of -f - in input.
func (k kubectl) apply(ctx context.Context, input []byte, args ...string) error {
	_, err := k.run(ctx, input, append([]string{"apply", "--server-side", "--force-conflicts", "--field-manager=deploy-data-services"}, args...)...)
	return err
}
