//go:build e2e

package e2e

import (
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"

	"function/knative/walk"
	"function/shared/function"
)

// gateway is the platform's public name.
const gateway = "http://platform-gateway." + namespace + public

// testWalk runs the same walk as the local platform's test, through the ingress and the gateway.
func testWalk(t *testing.T) {
	began := time.Now()
	walk.Run(t, walk.Target{URL: gateway, Metrics: address("platform-metrics") + "/metrics", Data: "testdata", Fire: fire})
	figure("walk", "%v", time.Since(began).Round(time.Second))
}

// fire sends a function the event that its PingSource sends.
func fire(t *testing.T, schedule string) {
	var source object
	api(t, http.MethodGet, pingSources+"/"+schedule, nil, &source)
	event := cloudevents.NewEvent()
	event.SetID(uuid.NewString())
	event.SetSource("/apis/v1/namespaces/" + namespace + "/pingsources/" + schedule)
	event.SetType(function.PingType)
	if err := event.SetData(cloudevents.ApplicationJSON, []byte(source.Spec.Data)); err != nil {
		t.Error(err)
		return
	}
	response, err := post(address(schedule), event)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Errorf("%s answered its schedule with %s", schedule, response.Status)
	}
}
