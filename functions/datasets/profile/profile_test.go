package profile_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/get"
	"function/shared/engine"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func columns(t *testing.T, d get.Detail) map[string]engine.ColumnProfile {
	t.Helper()
	if d.Columns == nil {
		t.Fatalf("data set %+v has no profile", d.Dataset)
	}
	var list []engine.ColumnProfile
	if err := json.Unmarshal(d.Columns.RawMessage, &list); err != nil {
		t.Fatal(err)
	}
	byName := map[string]engine.ColumnProfile{}
	for _, c := range list {
		byName[c.Name] = c
	}
	return byName
}

func TestProfileMakesTheSeattleWeatherReady(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "weather")
	datasetstest.Upload(t, p, caller.Token, d.ID, "seattle-weather.csv", datasetstest.File(t, "seattle-weather.csv")).Want(t, 201)
	datasetstest.Profile(t, p, 1)

	got := datasetstest.Get(t, p, caller.Token, d.ID)

	if got.Status != datasets.Ready || got.RowCount == nil || *got.RowCount != 1461 || got.ReadyVersion == nil || *got.ReadyVersion != 1 || got.Progress != nil {
		t.Errorf("data set %+v, want version 1 ready with 1461 rows", got.Dataset)
	}
	want := []engine.TopValue{{Value: "rain", Count: 641}, {Value: "sun", Count: 640}, {Value: "fog", Count: 101}, {Value: "drizzle", Count: 53}, {Value: "snow", Count: 26}}
	if diff := cmp.Diff(want, columns(t, got)["weather"].TopValues); diff != "" {
		t.Errorf("top values of weather (-want +got):\n%s", diff)
	}
}
