package metrics

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"function/shared/database"
)

// Tally counts what happens where there is no transaction, such as a refusal that must
// stay cheap, and writes the count a moment later, off the request's path: a storm of
// refusals is one statement in each moment. A process that is killed loses what it has
// counted in the last moment, one that ends in good order nothing. Its zero value counts;
// it writes from [Tally.Keep] on.
type Tally struct {
	n    atomic.Int64
	kept atomic.Pointer[keeping]
}

// keeping is where a tally is kept.
type keeping struct {
	db     database.Writer
	name   string
	labels Labels
}

// moment is how far the metrics of a tally are behind.
const moment = 2 * time.Second

// writeBound is how long one writing may take.
const writeBound = 2 * time.Second

// Keep names the counter that the tally is added to. The first call decides, where
// several functions of a process share a tally.
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

// write adds what was counted to the counter. What cannot be written is tried again.
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
	ctx, cancel := context.WithTimeout(context.Background(), writeBound)
	defer cancel()
	err := Add(ctx, k.db, k.name, k.labels, float64(n))
	if err != nil {
		t.n.Add(n)
	}
	return err
}

// Close writes what is left, once; nothing is written after it.
func (t *Tally) Close() error {
	err := t.flush()
	t.kept.Store(nil)
	return err
}
