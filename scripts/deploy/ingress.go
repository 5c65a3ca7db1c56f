package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"time"
)

const ingressHost = "user-management-service." + namespace + ".svc.cluster.local"

// ingress is the cluster's ingress, by a port that kubectl forwards.
type ingress struct {
	address string
	client  http.Client
	close   func()
}

var forwarding = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) `)

// forward has kubectl forward a free port to Kourier, until the ingress is closed.
func (d *deployment) forward(ctx context.Context) (*ingress, error) {
	running, stop := context.WithCancel(ctx)
	args := []string{"-n", "kourier-system", "port-forward", "--address=127.0.0.1", "service/kourier-internal", ":80"}
	cmd := d.kubectl.command(running, args)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return nil, failure(ctx, args, err, "")
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	match := forwarding.FindStringSubmatch(line)
	if match == nil {
		stop()
		return nil, failure(ctx, args, errors.Join(err, cmd.Wait()), problems.String())
	}
	drained := drain(lines)
	return &ingress{
		address: match[1],
		client:  http.Client{Timeout: time.Minute},
		close:   func() { stop(); <-drained; _ = cmd.Wait() }, // it ends by the signal
	}, nil
}

// drain reads what kubectl says of each connection.
func drain(r io.Reader) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, r)
	}()
	return done
}

// attempts is how often the platform is called while it starts, a second apart.
const attempts = 21

// wake calls a path until the answer is one that lasts.
func (in *ingress) wake(ctx context.Context, path string) (status int, err error) {
	for range attempts {
		status, _, err = in.call(ctx, http.MethodGet, path, nil, nil)
		if err == nil && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
			return status, nil
		}
		if err := pause(ctx); err != nil {
			return 0, err
		}
	}
	return status, err
}

// call sends body, unless it is nil, as JSON, and returns the status and the body of the answer.
func (in *ingress) call(ctx context.Context, method, path string, header http.Header, body any) (int, []byte, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+in.address+path, content)
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(request.Header, header)
	request.Host = ingressHost
	request.Header.Set("Content-Type", "application/json")
	response, err := in.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
