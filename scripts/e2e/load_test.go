//go:build e2e

package e2e

import (
	"sync"
	"time"
)

// load is what came of requests that several callers made one after the other.
type load struct {
	mu     sync.Mutex
	took   []time.Duration // of those that were answered as wanted
	errors []error
}

// drive has callers send requests until stop is closed; the returned function waits
// for those under way.
func drive(callers int, stop <-chan struct{}, send func() error) (l *load, wait func()) {
	l = &load{}
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					l.one(send)
				}
			}
		})
	}
	return l, running.Wait
}

func (l *load) one(send func() error) {
	began := time.Now()
	err := send()
	took := time.Since(began).Round(time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errors = append(l.errors, err)
		return
	}
	l.took = append(l.took, took)
}

// during drives a load while something happens, and for a while after.
func during(callers int, send func() error, happens func()) *load {
	stop := make(chan struct{})
	l, wait := drive(callers, stop, send)
	time.Sleep(2 * time.Second)
	happens()
	time.Sleep(3 * time.Second)
	close(stop)
	wait()
	return l
}
