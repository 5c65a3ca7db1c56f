package failversion_test

import (
	"encoding/base64"
	"net/http"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	failversion "function/functions/datasets/fail-version"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/retry"
	deadletters "function/functions/platform/dead-letters"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "datasets-fail-version"

var walk = append([]function.Declaration{failversion.Service, retry.Service, outboxrelay.Service, deadletters.Service}, datasetstest.Lifecycle...)

// upload creates a data set whose first version waits to be profiled.
func upload(t *testing.T, p *platformtest.Platform, token string) dataset.Dataset {
	t.Helper()
	d := datasetstest.Create(t, p, token, "unlucky")
	datasetstest.Upload(t, p, token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	return d
}

// bury sends the dead letter of a profiling request to the sink and delivers the resulting event.
func bury(t *testing.T, p *platformtest.Platform, e events.Received[events.ProfileRequested], n int, status int) {
	t.Helper()
	p.Do("", http.MethodPost, "/events/platform-dead-letters", `{}`, "Ce-Specversion", "1.0", "Ce-Id", e.ID, "Ce-Source", e.Source,
		"Ce-Type", e.Data.EventType(), "Ce-Knativeerrordest", "http://datasets-profile.aic-data.svc.cluster.local",
		"Ce-Knativeerrorcode", strconv.Itoa(status), "Ce-Knativeerrordata", base64.StdEncoding.EncodeToString([]byte("no"))).Want(t, http.StatusNoContent)
	told := platformtest.Published[events.DeliveryFailed](p, n)
	platformtest.Deliver(p, "platform-outbox-relay", told[n-1]).Want(t, http.StatusNoContent)
}

// However profiling fails permanently, the version does not stay in processing: it fails with a
// message and can be retried.
func TestFailVersion_ProfilingFailsPermanently_VersionFailsAndCanBeRetried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt func(*testing.T, *platformtest.Platform, int)
		says    string
	}{
		"work fails": {func(t *testing.T, p *platformtest.Platform, n int) { datasetstest.Profile(t, p, n) }, "An internal error occurred 6 times"},
		"process dies": {func(t *testing.T, p *platformtest.Platform, _ int) {
			_, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE jobs SET state = 'running', holder = gen_random_uuid(), attempt = attempt + 1`)
			if err != nil {
				t.Fatal(err)
			}
		}, "ended without a result, 6 times"},
		"dead letters": {func(t *testing.T, p *platformtest.Platform, n int) {
			bury(t, p, platformtest.Published[events.ProfileRequested](p, n)[n-1], n, 503)
		}, "did not respond"},
		"dead letter of a refusal": {func(t *testing.T, p *platformtest.Platform, n int) {
			bury(t, p, platformtest.Published[events.ProfileRequested](p, n)[n-1], n, 422)
		}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platformtest.NewWith(t, func(c *function.Config) { c.Scratch = filepath.Join(t.TempDir(), "missing") }, walk...)
			caller := p.Login("owner")
			d := upload(t, p, caller.Token)
			for n := 1; datasetstest.Count(t, p, `SELECT count(*) FROM jobs WHERE attempt < max_attempts`) == 1; n++ {
				c.attempt(t, p, n)
				datasetstest.MakeJobsDue(t, p)
			}
			failed := platformtest.Published[events.JobFailed](p, 1)[0]
			for range 2 {
				platformtest.Deliver(p, "datasets-fail-version", failed).Want(t, http.StatusNoContent)
			}

			got := datasetstest.Get(t, p, caller.Token, d.ID)

			if got.Status != dataset.Failed || got.Failure == nil || !strings.Contains(*got.Failure, c.says) {
				t.Fatalf("data set %+v, want it failed because of %q", got.Dataset, c.says)
			}
			if told := platformtest.Published[events.DatasetFailed](p, 1); len(told) != 1 || told[0].Data.DatasetID != d.ID {
				t.Errorf("events %+v, want one about %s", told, d.ID)
			}
			want := events.NoticeRequested{
				OrganizationID: caller.OrganizationID, UserID: caller.UserID, Notice: "dataset_failed",
				Params: map[string]string{"dataset_id": d.ID.String(), "version": "1"},
			}
			p.Env.Sender().Wait()
			if asked := platformtest.Published[events.NoticeRequested](p, 1); len(asked) != 1 || !reflect.DeepEqual(asked[0].Data, want) {
				t.Errorf("notices %+v, want %+v", asked, want)
			}
			p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/versions/1/retry", nil).Want(t, http.StatusAccepted)
			platformtest.Deliver(p, "datasets-fail-version", failed).Want(t, http.StatusNoContent) // delivered late: the new job is a different one
			if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Processing || got.Failure != nil {
				t.Errorf("data set %+v, want it to be processed again", got.Dataset)
			}
		})
	}
}

func TestFailVersion_JobOfAnotherKind_IsLeftAlone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	platformtest.Deliver(p, name, platformtest.Event(events.JobFailed{JobID: uuid.New(), Kind: "analytics-run-report", Key: "x"})).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, platformtest.Event(events.JobFailed{JobID: uuid.New(), Kind: profiling.Kind, Key: "x"})).Want(t, http.StatusUnprocessableEntity)
}
