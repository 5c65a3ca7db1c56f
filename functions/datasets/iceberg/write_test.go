package iceberg_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/s3"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// writable is a platform with an S3 gateway that profiles versions by itself.
func writable(t *testing.T, more ...function.Declaration) *catalogue {
	t.Helper()
	p := platformtest.NewWith(t, func(c *function.Config) { c.PublicURL = "" }, append(append([]function.Declaration{s3.Service}, more...), walk...)...)
	c := as(p, p.Login("owner"))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for done := 0; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			for all := platformtest.Published[events.ProfileRequested](p, 0); done < len(all); done++ {
				if answer := platformtest.Deliver(p, profiling.Kind, all[done]); answer.Status != 204 {
					t.Errorf("profiling: %d %s", answer.Status, answer.Body)
				}
			}
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return c
}

// send uploads a file, and waits until its version is ready.
func (c *catalogue) send(t *testing.T, name, content string) {
	t.Helper()
	id := datasetstest.Create(t, c.Platform, c.Token, name).ID
	datasetstest.Upload(t, c.Platform, c.Token, id, "a.csv", content).Want(t, 201)
	datasetstest.WaitFor(t, "version", func() bool { return datasetstest.Get(t, c.Platform, c.Token, id).Status == "ready" })
}

func TestWriting_PyIceberg_ReadsBackWhatItWrote(t *testing.T) {
	t.Parallel()
	python := platformtest.Python(t)
	c := writable(t)
	c.send(t, "sales", "id,name\n1,n1\n")
	command := exec.CommandContext(t.Context(), python, "testdata/write.py", c.URL, c.Token, c.URL)
	command.Env = append(os.Environ(), "TZ=UTC", "AWS_EC2_METADATA_DISABLED=true")
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Errorf("%v\n%s", err, problems.String())
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		t.Log(strings.TrimSpace(line))
		var step struct {
			Step  string
			Value json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			t.Fatal(err)
		}
		got[step.Step] = string(step.Value)
	}
	if !strings.Contains(got["delete"], "keeps some data files of its parent and removes others") {
		t.Errorf("delete: %s", got["delete"])
	}
	for step, want := range map[string]string{
		"append":     `[{"id": 1, "name": "n1"}, {"id": 2, "name": "n2"}, {"id": 3, "name": "n3"}]`,
		"snapshot":   `true`,
		"overwrite":  `[{"id": 4, "name": "n4"}]`,
		"travel":     `[1, 3, 1]`,
		"stale":      `[{"id": 4, "name": "n4"}, {"id": 5, "name": "n5"}]`,
		"kept":       `[{"id": 4, "name": "n4"}, {"id": 5, "name": "n5"}]`,
		"empty":      `[0, {"owner": "me"}, ["id", "big", "flag", "real", "price", "day", "at", "zoned", "clock", "raw", "tags", "place", "scores"]]`,
		"exists":     `"TableAlreadyExistsError: AlreadyExistsException: `,
		"types":      `true`,
		"values":     `true`,
		"staged":     `2`,
		"properties": `{"owner": "you"}`,
		"dropped":    `"NoSuchTableError: `,
	} {
		if !strings.HasPrefix(got[step], want) {
			t.Errorf("%s: %s, want %s", step, got[step], want)
		}
	}
}
