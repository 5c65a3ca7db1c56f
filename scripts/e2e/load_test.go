//go:build e2e

package e2e

import (
	"sync"
	"time"
)

// load is the result of the requests that several callers sent sequentially.
type load struct {
	mu     sync.Mutex
	took   []time.Duration // of successful requests
	errors []error
}

// drive has callers send requests until stop is closed. The returned function waits for requests in
// progress.
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

// during drives a load while something happens, and for a while afterwards.
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
