package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// explain writes to the log why something is not ready, and returns the error that says so.
func (d *deployment) explain(ctx context.Context, in, kind, name, pods string, cause error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.say("\n%s %s:", kind, name)
	d.diagnose(ctx, func(lines []string) []string {
		if status := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Status:") }); status >= 0 {
			lines = lines[status:]
		}
		return last(lines, 40)
	}, "-n", in, "describe", kind, name)
	d.say("its pods:")
	d.diagnose(ctx, all, "-n", in, "get", "pods", "-l", pods, "-o", "wide")
	d.diagnose(ctx, func(lines []string) []string {
		return last(slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, name) }), 8)
	}, "-n", in, "get", "events", "--sort-by=.lastTimestamp")
	d.say("the last lines of their logs:")
	d.diagnose(ctx, all, "-n", in, "logs", "-l", pods, "--all-containers", "--tail=15", "--prefix")
	return fmt.Errorf("%s %s is not ready: %w", kind, name, cause)
}

// diagnose writes the lines of what kubectl prints that choose returns, or why it printed none.
func (d *deployment) diagnose(ctx context.Context, choose func([]string) []string, args ...string) {
	out, err := d.kubectl.run(ctx, nil, args...)
	if err != nil {
		d.say("%v", err)
		return
	}
	for _, line := range choose(strings.Split(string(bytes.TrimRight(out, "\n")), "\n")) {
		d.say("%s", line)
	}
}

func all(lines []string) []string { return lines }

func last(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }
