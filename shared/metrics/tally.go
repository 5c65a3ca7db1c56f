package metrics

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"function/shared/database"
)

// Tally counts events outside transactions, such as refusals that must stay cheap. It writes the
// count shortly afterwards in the background, so that a flood causes one statement per interval. A
// killed process loses the counts of the last interval; an orderly shutdown loses nothing. The zero
// value counts; it writes after [Tally.Keep] is called.
type Tally struct {
	n    atomic.Int64
	kept atomic.Pointer[keeping]
}

// keeping is the counter that a tally writes to.
type keeping struct {
	db     database.Writer
	name   string
	labels Labels
}

// moment is the interval between writes.
const moment = 2 * time.Second

// writeTimeout is the timeout of a write.
const writeTimeout = 2 * time.Second

// Keep sets the counter that the tally is added to. If several functions of a process share a
// tally, only the first call takes effect.
func (t *Tally) Keep(db database.Writer, name string, labels Labels) {
	if t.kept.CompareAndSwap(nil, &keeping{db, name, labels}) && t.n.Load() > 0 {
		time.AfterFunc(moment, t.write)
	}
}

// Inc adds one.
func (t *Tally) Inc() {
	if t.n.Add(1) == 1 && t.kept.Load() != nil {
		time.AfterFunc(moment, t.write)
	}
}

// write adds the tally to the counter and retries later on failure.
func (t *Tally) write() {
	if err := t.flush(); err != nil {
		slog.Warn("counts not written yet", "error", err)
		if t.kept.Load() != nil {
			time.AfterFunc(moment, t.write)
		}
	}
}

func (t *Tally) flush() error {
	k := t.kept.Load()
	if k == nil { // closed
		return nil
	}
	n := t.n.Swap(0)
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err := Add(ctx, k.db, k.name, k.labels, float64(n))
	if err != nil {
		t.n.Add(n)
	}
	return err
}

// Close writes the remaining count. Nothing is written after it.
func (t *Tally) Close() error {
	err := t.flush()
	t.kept.Store(nil)
	return err
}
