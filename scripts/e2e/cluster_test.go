//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	namespace = "aic-data"
	apiServer = "http://127.0.0.1:8001" // kubectl proxy
	ingress   = "kourier.kourier-system.svc.cluster.local:80"
	public    = ".e2e.test" // the domain of public names, which only the ingress resolves
)

// routePublicNames sends requests for public names to the ingress, as a DNS entry would.
func routePublicNames() {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	http.DefaultTransport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); strings.HasSuffix(host, public) {
			address = ingress
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// address returns the address of a function inside the cluster.
func address(service string) string {
	return "http://" + service + "." + namespace + ".svc.cluster.local"
}

type metadata struct {
	Name              string            `json:"name"`
	Labels            map[string]string `json:"labels"`
	DeletionTimestamp string            `json:"deletionTimestamp"`
}

func (m metadata) service() string { return m.Labels["serving.knative.dev/service"] }

type condition struct {
	Type, Status, Reason, Message string
}

// object holds the fields that the tests read of any kind.
type object struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Replicas int             `json:"replicas"`
		NodeName string          `json:"nodeName"`
		Data     string          `json:"data"`
		Filter   json.RawMessage `json:"filter"`
	} `json:"spec"`
	Status struct {
		URL                   string      `json:"url"`
		Phase                 string      `json:"phase"`
		LatestReadyRevision   string      `json:"latestReadyRevisionName"`
		LatestCreatedRevision string      `json:"latestCreatedRevisionName"`
		Conditions            []condition `json:"conditions"`
	} `json:"status"`
}

func (o object) is(kind string) bool {
	return slices.ContainsFunc(o.Status.Conditions, func(c condition) bool { return c.Type == kind && c.Status == "True" })
}

// Paths of the kinds under the API server's root.
const (
	services    = "/apis/serving.knative.dev/v1/namespaces/" + namespace + "/services"
	deployments = "/apis/apps/v1/namespaces/" + namespace + "/deployments"
	pods        = "/api/v1/namespaces/" + namespace + "/pods"
	triggers    = "/apis/eventing.knative.dev/v1/namespaces/" + namespace + "/triggers"
	pingSources = "/apis/sources.knative.dev/v1/namespaces/" + namespace + "/pingsources"
)

func list(t *testing.T, path string) []object {
	t.Helper()
	var l struct{ Items []object }
	api(t, http.MethodGet, path, nil, &l)
	return l.Items
}

// api calls the API server.
func api(t *testing.T, method, path string, body []byte, into any) {
	t.Helper()
	request, err := http.NewRequest(method, apiServer+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v\n%s", method, path, response.Status, err, content)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// observation is a change to an object and when the API server reported it.
type observation struct {
	Type   string
	Object object
	At     time.Time
}

// watch reports changes until the test ends. The API server ends each watch after half an hour or
// more; the next one starts with the current objects.
func watch(t *testing.T, path string) <-chan observation {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	response, err := watchOnce(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan observation, 10_000)
	go func() {
		for err == nil {
			tell(changes, response.Body)
			response, err = watchOnce(ctx, path)
		}
		if ctx.Err() == nil {
			t.Errorf("watch %s again: %v", path, err)
		}
	}()
	return changes
}

func watchOnce(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, apiServer+path+"?watch=1", nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}

// tell reports the changes of one watch, one line each, until it ends.
func tell(changes chan<- observation, watched io.ReadCloser) {
	defer watched.Close()
	for lines := bufio.NewReader(watched); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		o := observation{At: time.Now()}
		if json.Unmarshal(line, &o) == nil {
			changes <- o
		}
	}
}

// functions returns the names of all functions.
func functions(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, s := range list(t, services) {
		names = append(names, s.Metadata.Name)
	}
	return names
}

// patience is the time limit of a wait.
const patience = 3 * time.Minute

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// awaitZero waits until functions have no pods, so that the next request is a cold start.
func awaitZero(t *testing.T, names ...string) {
	t.Helper()
	await(t, fmt.Sprintf("%v at zero", names), func() bool {
		for _, d := range list(t, deployments) {
			if d.Spec.Replicas > 0 && slices.Contains(names, d.Metadata.service()) {
				return false
			}
		}
		return true
	})
}
