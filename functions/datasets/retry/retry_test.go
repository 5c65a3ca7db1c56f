package retry_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/retry"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{retry.Service}, datasetstest.Lifecycle...)

// failed creates a data set whose only version has failed although its file is good.
func failed(t *testing.T, p *platformtest.Platform, token string) (d dataset.Dataset, path string) {
	t.Helper()
	d = datasetstest.Create(t, p, token, "unlucky")
	datasetstest.Upload(t, p, token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	_, err := p.DB(database.Datasets).Exec(t.Context(), `
WITH j AS (UPDATE jobs SET state = 'discarded', event = NULL, finished_at = now()), v AS (UPDATE dataset_versions SET status = 'failed', failure = 'An outage')
UPDATE datasets SET status = 'failed'`)
	if err != nil {
		t.Fatal(err)
	}
	return d, "/v1/datasets/" + d.ID.String() + "/versions/1/retry"
}

func TestRetry_FailedVersion_BecomesReady(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("member")
	d, path := failed(t, p, caller.Token)

	p.Do(caller.Token, http.MethodPost, path, nil).Want(t, http.StatusAccepted)

	if told := platformtest.Published[events.DatasetRetried](p, 1)[0].Data; told.DatasetID != d.ID || told.Status != dataset.Processing {
		t.Errorf("events %+v, want %s processing", told, d.ID)
	}
	datasetstest.Profile(t, p, 2)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Ready || *got.ReadyVersion != 1 || got.Failure != nil {
		t.Errorf("data set %+v, want version 1 ready", got.Dataset)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:retry' AND result = 'done'`); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
}

func TestRetry_OlderVersion_LeavesTheNewestAsItIs(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d, path := failed(t, p, caller.Token)
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n2\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)
	p.Do(caller.Token, http.MethodPost, path, nil).Want(t, http.StatusAccepted)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Ready {
		t.Errorf("status %s while version 1 is tried again, want ready", got.Status)
	}
	datasetstest.Profile(t, p, 3)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Ready || *got.ReadyVersion != 2 {
		t.Errorf("data set %+v, want version 2 to stay ready", got.Dataset)
	}
}

func TestRetry_TwoAtOnce_OneIsAccepted(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	_, path := failed(t, p, caller.Token)
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			answer := p.Do(caller.Token, http.MethodPost, path, nil)
			mu.Lock()
			defer mu.Unlock()
			answers[answer.Status]++
		})
	}
	all.Wait()
	if answers[http.StatusAccepted] != 1 || answers[http.StatusConflict] != 3 {
		t.Errorf("answers %v, want one accepted and the others refused", answers)
	}
}

func TestRetry_WhatCannotBeRetried_IsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	d, path := failed(t, p, caller.Token)
	versions := "/v1/datasets/" + d.ID.String() + "/versions/"
	p.Do(caller.Token, http.MethodPost, path, nil).Want(t, http.StatusAccepted)
	for name, c := range map[string]struct {
		token, path string
		status      int
		says        string
	}{
		"being processed":   {caller.Token, path, http.StatusConflict, "is processing"},
		"no such version":   {caller.Token, versions + "2/retry", http.StatusNotFound, "no version 2"},
		"version 0":         {caller.Token, versions + "0/retry", http.StatusUnprocessableEntity, ""},
		"beyond an integer": {caller.Token, versions + "99999999999/retry", http.StatusUnprocessableEntity, ""},
		"another's":         {other.Token, path, http.StatusNotFound, "no data set"},
		"nobody":            {"", path, http.StatusUnauthorized, ""},
		"viewer":            {p.LoginTo(caller.OrganizationID, "viewer").Token, path, http.StatusForbidden, ""},
	} {
		answer := p.Do(c.token, http.MethodPost, c.path, nil)
		if answer.Status != c.status || !strings.Contains(string(answer.Body), c.says) {
			t.Errorf("%s: %d %s, want %d with %q", name, answer.Status, answer.Body, c.status, c.says)
		}
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM jobs WHERE finished_at IS NULL`); n != 1 {
		t.Errorf("%d unfinished jobs, want 1", n)
	}
}
