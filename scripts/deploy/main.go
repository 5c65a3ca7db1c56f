// Command deploy deploys the data services to the cluster that kubectl talks to, from the
// project's root. scripts/deploy-data-services.sh builds and runs it; usage.txt says how.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	ctx := untilSignal()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	var stopped interrupted
	if errors.As(context.Cause(ctx), &stopped) {
		err = stopped
	}
	fmt.Fprintln(os.Stderr, "deploy:", err)
	if stopped.signal != 0 {
		os.Exit(128 + int(stopped.signal))
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	o, err := parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		_, err = io.WriteString(out, usage)
		return err
	}
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		return errors.New("kubectl is not on the PATH; see https://kubernetes.io/docs/tasks/tools/")
	}
	d := &deployment{options: o, kubectl: kubectl{log}, log: log}
	if o.dryRun {
		return d.print(ctx, out)
	}
	return d.run(ctx)
}

// interrupted is the end that a signal asked for.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "stopped: " + i.signal.String() }

// untilSignal returns a context that ends, with an interrupted as its cause, when the
// process is told to stop.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // as nohup has it
			signal.Notify(signals, s)
		}
	}
	go func() {
		if s, ok := (<-signals).(syscall.Signal); ok {
			cancel(interrupted{s})
		}
	}()
	return ctx
}
