package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// table collects the figures of a run.
type table struct {
	rows [][5]string // what, figure, limit or peer, ratio, verdict
	over bool
}

// The verdicts. A figure without a limit has none.
const (
	within = "ok"
	over   = "OVER"
	broken = "FAILED"
)

func (t *table) add(what, figure, against, ratio string, good bool) {
	verdict := within
	if !good {
		verdict, t.over = over, true
	}
	t.rows = append(t.rows, [5]string{what, figure, against, ratio, verdict})
}

// quantity is the unit of a figure.
type quantity interface {
	~int64 | ~float64
	String() string
}

// atMost adds a figure with an upper limit.
func atMost[Q quantity](t *table, what string, figure, limit Q) {
	ratio := float64(figure) / float64(limit)
	t.add(what, figure.String(), "at most "+limit.String(), fmt.Sprintf("%.2f", ratio), ratio <= 1)
}

// atLeast adds a figure with a lower limit.
func atLeast[Q quantity](t *table, what string, figure, limit Q) {
	ratio := float64(figure) / float64(limit)
	t.add(what, figure.String(), "at least "+limit.String(), fmt.Sprintf("%.2f", ratio), ratio >= 1)
}

// atMostOf adds a figure whose upper limit is a multiple of a peer's.
func atMostOf[Q quantity](t *table, what string, figure, peer Q, name string, multiple float64) {
	ratio := float64(figure) / float64(peer)
	t.add(what, figure.String(), name+" "+peer.String(), fmt.Sprintf("%.2f, at most %.2f", ratio, multiple), ratio <= multiple)
}

// atLeastOf adds a figure whose lower limit is a multiple of a peer's.
func atLeastOf[Q quantity](t *table, what string, figure, peer Q, name string, multiple float64) {
	ratio := float64(figure) / float64(peer)
	t.add(what, figure.String(), name+" "+peer.String(), fmt.Sprintf("%.2f, at least %.2f", ratio, multiple), ratio >= multiple)
}

// part adds a figure as a share of a whole.
func part[Q quantity](t *table, what string, figure, whole Q) {
	t.rows = append(t.rows, [5]string{"  " + what, figure.String(), "of " + whole.String(), fmt.Sprintf("%.2f", float64(figure)/float64(whole)), ""})
}

// note adds a figure without a limit.
func note[Q quantity](t *table, what string, figure Q) {
	t.rows = append(t.rows, [5]string{what, figure.String(), "", "", ""})
}

// failed adds a measurement that failed.
func (t *table) failed(what string, err error) {
	progress("%s failed: %v", what, err)
	t.rows = append(t.rows, [5]string{what, "", "", "", broken})
	t.over = true
}

// write prints the table and reports whether everything is within its limit.
func (t *table) write(w io.Writer) bool {
	columns := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(columns, "WHAT\tFIGURE\tLIMIT OR PEER\tRATIO\tVERDICT")
	for _, r := range t.rows {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", r[0], r[1], r[2], r[3], r[4])
	}
	if err := columns.Flush(); err != nil {
		return false
	}
	return !t.over
}

// duration is a time, formatted for the table.
type duration time.Duration

func (d duration) String() string {
	if t := time.Duration(d); t >= time.Second {
		return fmt.Sprintf("%.2f s", t.Seconds())
	}
	return fmt.Sprintf("%.2f ms", float64(d)/1e6)
}

// size is a number of bytes.
type size int64

func (s size) String() string { return fmt.Sprintf("%.1f MB", float64(s)/1e6) }

// rate is in bytes per second.
type rate float64

func (r rate) String() string { return fmt.Sprintf("%.0f MB/s", float64(r)/1e6) }

func rateOf(n size, d duration) rate { return rate(float64(n) / time.Duration(d).Seconds()) }

// perSecond counts what happens in a second.
type perSecond float64

func (p perSecond) String() string { return fmt.Sprintf("%.0f /s", float64(p)) }

// timed returns how long a call takes.
func timed(call func() error) (duration, error) {
	began := time.Now()
	err := call()
	return duration(time.Since(began)), err
}

// median returns the median. It sorts the values.
func median[Q quantity](values []Q) Q {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
