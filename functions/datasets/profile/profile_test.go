package profile_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/get"
	"function/functions/datasets/internal/dataset"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/ingest"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func columns(t *testing.T, d get.Detail) map[string]ingest.ColumnProfile {
	t.Helper()
	if d.Columns == nil {
		t.Fatalf("data set %+v has no profile", d.Dataset)
	}
	var list []ingest.ColumnProfile
	if err := json.Unmarshal(d.Columns.RawMessage, &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]ingest.ColumnProfile{}
	for _, c := range list {
		byName[c.Name] = c
	}
	return byName
}

func TestProfile_SeattleWeather_BecomesReady(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "weather")
	datasetstest.Upload(t, p, caller.Token, d.ID, "seattle-weather.csv", datasetstest.Testdata(t, "seattle-weather.csv")).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)

	got := datasetstest.Get(t, p, caller.Token, d.ID)

	if got.Status != dataset.Ready || got.RowCount == nil || *got.RowCount != 1461 || got.ReadyVersion == nil || *got.ReadyVersion != 1 || got.Progress != nil {
		t.Errorf("data set %+v, want version 1 ready with 1461 rows", got.Dataset)
	}
	want := []ingest.TopValue{{Value: "rain", Count: 641}, {Value: "sun", Count: 640}, {Value: "fog", Count: 101}, {Value: "drizzle", Count: 53}, {Value: "snow", Count: 26}}
	if diff := cmp.Diff(want, columns(t, got)["weather"].TopValues); diff != "" {
		t.Errorf("top values of weather (-want +got):\n%s", diff)
	}
}

func TestProfile_BadFile_FailsAndKeepsTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "changing")
	upload := func(n int, name, content string) get.Detail {
		datasetstest.Upload(t, p, caller.Token, d.ID, name, content).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, n)
		return datasetstest.Get(t, p, caller.Token, d.ID)
	}
	upload(1, "a.csv", "a,b\n1,2\n")
	for i, bad := range []struct{ name, content, says string }{
		{"ragged.csv", "a,b\n1,2\n1,2,3\n", "3"},
		{"latin1.csv", "a,b\ncaf\xe9,2\n", "UTF-8"},
		{"cut.json", `[{"a": 1}, {"a":`, "."},
		{"damaged.parquet", "PAR1\x15\x04\x15\x00\x15\x04\x00PAR1", "Parquet"},
	} {
		got := upload(i+2, bad.name, bad.content)
		if got.Status != dataset.Failed || got.Failure == nil || !strings.Contains(*got.Failure, bad.says) {
			t.Errorf("%s: data set %+v, want it failed with a sentence about %s", bad.name, got.Dataset, bad.says)
			continue
		}
		if got.ReadyVersion == nil || *got.ReadyVersion != 1 || got.Progress != nil {
			t.Errorf("%s: data set %+v, want version 1 to stay ready", bad.name, got.Dataset)
		}
		t.Logf("%s: %s", bad.name, *got.Failure)
	}
	failed := platformtest.Published[events.DatasetFailed](p, 4)[0].Data
	if failed.Status != dataset.Failed || failed.Rows != 1 {
		t.Errorf("event %+v, want failed with the 1 row of version 1", failed)
	}

	good := upload(6, "a.csv", "a,b\n1,2\n3,4\n")

	if good.Status != dataset.Ready || *good.ReadyVersion != 6 || good.Failure != nil {
		t.Errorf("data set %+v after a good file, want version 6 ready", good.Dataset)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`); n != 0 {
		t.Errorf("%d staged objects left", n)
	}
	if n := datasetstest.Objects(t, p); n != 6+2 {
		t.Errorf("%d objects, want 6 uploads and 2 tables", n)
	}
	if left, err := os.ReadDir(p.Env.Config.Scratch); err != nil || len(left) != 0 {
		t.Errorf("%d files left in scratch (%v)", len(left), err)
	}
	if n := datasetstest.Count(t, p, `SELECT sum(value)::int FROM published.metrics WHERE name = 'data_processing_jobs_duration_count'`); n != 6 {
		t.Errorf("%d jobs counted, want 6", n)
	}
}

func TestProfile_OlderVersionLast_DoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "overtaken")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n2\n").Want(t, http.StatusCreated)
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.json", "[").Want(t, http.StatusCreated)
	uploaded := platformtest.Published[events.ProfileRequested](p, 3)
	slices.SortFunc(uploaded, func(a, b events.Received[events.ProfileRequested]) int { return a.Data.Version - b.Data.Version })

	for _, step := range []struct {
		version, ready int
		status         string
	}{{2, 2, dataset.Processing}, {1, 2, dataset.Processing}, {3, 2, dataset.Failed}} {
		platformtest.Deliver(p, "datasets-profile", uploaded[step.version-1]).Want(t, http.StatusNoContent)
		got := datasetstest.Get(t, p, caller.Token, d.ID)
		if got.Status != step.status || got.ReadyVersion == nil || *got.ReadyVersion != step.ready {
			t.Errorf("after version %d: status %s, ready version %v, want %s, %d", step.version, got.Status, got.ReadyVersion, step.status, step.ready)
		}
	}
}

func TestProfile_DeliveredRepeatedly_RunsOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "once")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	uploaded := platformtest.Published[events.ProfileRequested](p, 1)[0]
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if answer := platformtest.Deliver(p, "datasets-profile", uploaded); answer.Status != http.StatusNoContent {
				t.Errorf("status %d: %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	if ready := platformtest.Published[events.DatasetReady](p, 1); len(ready) != 1 {
		t.Errorf("%d ready events, want 1", len(ready))
	}
	if n := datasetstest.Objects(t, p); n != 2 {
		t.Errorf("%d objects, want the upload and its table", n)
	}
}

func TestProfile_InternalError_IsRetried(t *testing.T) {
	t.Parallel()
	scratch := filepath.Join(t.TempDir(), "missing")
	p := platformtest.NewWith(t, func(c *function.Config) { c.Scratch = scratch }, append(datasetstest.Lifecycle, outboxrelay.Service)...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "again")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)

	datasetstest.Profile(t, p, 1)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Processing {
		t.Errorf("status %s after an internal error, want processing", got.Status)
	}
	if err := os.Mkdir(scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	datasetstest.MakeJobsDue(t, p)
	datasetstest.Profile(t, p, 2)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Ready {
		t.Errorf("status %s after the second attempt, want ready", got.Status)
	}
}

func TestProfile_DataSetDeletedMeanwhile_IsCancelled(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, append(datasetstest.Lifecycle, deletion.Service)...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "gone")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	p.Do(caller.Token, http.MethodDelete, "/v1/datasets/"+d.ID.String(), nil).Want(t, http.StatusNoContent)
	datasetstest.Profile(t, p, 1)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM jobs WHERE state = 'cancelled' AND attempt = 0`); n != 1 {
		t.Errorf("%d jobs were cancelled before they started, want 1", n)
	}
}

func TestProfile_DamagedObject_Fails(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "damaged")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	var name string
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT object_name FROM dataset_versions`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), name)
	if err := os.Truncate(path, 40); err != nil {
		t.Fatal(err)
	}

	datasetstest.Profile(t, p, 1)

	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Failed || got.Failure == nil || !strings.Contains(*got.Failure, "damaged") {
		t.Errorf("data set %+v, want it failed because of damage", got.Dataset)
	}
}

func TestProfile_DataSetDeleted_LeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "gone")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET deleted_at = now()`); err != nil {
		t.Fatal(err)
	}
	datasetstest.Profile(t, p, 1)
	if n := datasetstest.Objects(t, p); n != 1 {
		t.Errorf("%d objects, want the upload only", n)
	}
}

func TestProfile_DeclaredTypes_AreKept(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	declared := []struct{ name, kind, value string }{
		{"v", "VARCHAR", "007"}, {"ti", "TINYINT", "-1"}, {"si", "SMALLINT", "2"}, {"i", "integer", "3"}, {"bi", "BIGINT", "9223372036854775807"},
		{"hi", "HUGEINT", "99999999999999999999999999999999999999"}, {"r", "REAL", "0.5"}, {"d", "DOUBLE", "0.25"}, {"de", "DECIMAL(18, 2)", "1.25"},
		{"b", "BOOLEAN", "true"}, {"da", "DATE", "2012-01-01"}, {"t", "TIME", "12:30:00"}, {"ts", "TIMESTAMP", "2012-01-01 12:30:00"},
		{"tz", "TIMESTAMPTZ", "2012-01-01T12:30:00Z"}, {"u", "UUID", "01900000-0000-7000-8000-000000000001"}, {"j", "JSON", "{}"},
	}
	var columns []map[string]string
	var header, row []string
	for _, c := range declared {
		columns = append(columns, map[string]string{"name": c.name, "type": c.kind})
		header, row = append(header, c.name), append(row, c.value)
	}
	answer := p.Do(caller.Token, http.MethodPost, "/v1/datasets", map[string]any{"name": "typed", "schema": map[string]any{"columns": columns}}).Want(t, http.StatusCreated)
	d := platformtest.Decode[dataset.Dataset](t, answer)
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", strings.Join(header, ",")+"\n"+strings.Join(row, ",")+"\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)

	got := datasetstest.Get(t, p, caller.Token, d.ID)

	if got.Status != dataset.Ready {
		t.Fatalf("data set %+v, want it ready (%v)", got.Dataset, got.Failure)
	}
	if !strings.Contains(string(got.Columns.RawMessage), "9223372036854775807") {
		t.Errorf("the profile rounds a wide integer: %s", got.Columns.RawMessage)
	}
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "other\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Failed || got.Failure == nil {
		t.Errorf("data set %+v after a file of other columns, want it failed", got.Dataset)
	}
}

func TestProfile_CSVWithoutHeader_IsRead(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "headless")
	body, contentType := datasetstest.Form(t, "file", "a.csv", "text/csv; header=absent", "1,x\n2,y\n")
	datasetstest.Send(p, caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	got := datasetstest.Get(t, p, caller.Token, d.ID)
	if got.RowCount == nil || *got.RowCount != 2 || columns(t, got)["column_1"].Type != "BIGINT" {
		t.Errorf("data set %+v, want 2 rows of column_1 BIGINT", got.Dataset)
	}
}

func TestProfile_DeclaredCharset_IsDecoded(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "latin")
	body, contentType := datasetstest.Form(t, "file", "a.csv", "text/csv; charset=ISO-8859-1", "name\nJos\xe9\n")
	datasetstest.Send(p, caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	got := datasetstest.Get(t, p, caller.Token, d.ID)
	if got.Status != dataset.Ready || columns(t, got)["name"].Max != "José" {
		t.Errorf("data set %+v (%v), want it to hold José", got.Dataset, got.Failure)
	}
}

// A file that the engine cannot read fails with a message; its event is not delivered again.
func TestProfile_FileThatCannotBeRead_Fails(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	n := 0
	for name, content := range map[string]string{
		"key.json":       `[{"x\u0000y":1}]`,
		"latin.csv":      "name\nJos\xe9\n",
		"footer.parquet": "PAR1\x15\x04\x15\x00\x15\x04\x00\x00\x04\x00\x00\x00PAR1",
		"odd.csv":        "\xff\xfea\x00\n",
	} {
		d := datasetstest.Create(t, p, caller.Token, strings.ReplaceAll(name, ".", "_"))
		datasetstest.Upload(t, p, caller.Token, d.ID, name, content).Want(t, http.StatusCreated)
		n++
		datasetstest.Profile(t, p, n)
		if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Failed || got.Failure == nil || *got.Failure == "" {
			t.Errorf("%s: data set %+v, want it failed", name, got.Dataset)
		}
	}
}

func TestProfile_ReadyDataSet_IsPublishedInTheCatalog(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	ready := datasetstest.Create(t, p, caller.Token, "ready")
	datasetstest.Create(t, p, caller.Token, "draft")
	gone := datasetstest.Create(t, p, caller.Token, "gone")
	for i, id := range []uuid.UUID{ready.ID, gone.ID} {
		datasetstest.Upload(t, p, caller.Token, id, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)
	}
	datasetstest.Upload(t, p, caller.Token, ready.ID, "a.csv", "a\n1\n2\n").Want(t, http.StatusCreated) // not profiled yet
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET deleted_at = now() WHERE id = $1`, gone.ID); err != nil {
		t.Fatal(err)
	}
	catalog, err := p.Env.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	rows, _ := catalog.Query(t.Context(), `SELECT name, table_name IS NOT NULL, coalesce(row_count, 0)::int FROM published.tables WHERE organization_id = $1 ORDER BY name`, caller.OrganizationID)
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Name  string
		Ready bool
		Rows  int
	}])

	if want := "[{draft false 0} {ready true 1}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("catalog %v (%v), want %s", got, err, want)
	}
}
