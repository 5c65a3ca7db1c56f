package archive_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"function/functions/datasets/internal/version"
	"function/shared/events"
	"function/shared/platformtest"
)

// history is a data set, and what its versions hold according to the test.
type history struct {
	*fixture
	rows  map[int][]string
	heads map[string]int
	last  int
}

func (h *history) add(branch string, ids []string) {
	h.last++
	h.rows[h.last], h.heads[branch] = slices.Sorted(slices.Values(ids)), h.last
}

// step does something at random. What needs an archived version is refused.
func (h *history) step(r *rand.Rand) {
	h.t.Helper()
	branch := slices.Sorted(maps.Keys(h.heads))[r.IntN(len(h.heads))]
	some, id := 1+r.IntN(h.last), fmt.Sprintf("i%d", h.last)
	status := http.StatusCreated
	if slices.Contains(h.list(), some) {
		status = http.StatusConflict
	}
	switch r.IntN(8) {
	case 0:
		h.upload("operation=replace&branch="+branch, id)
		h.add(branch, []string{id})
	case 1, 2:
		h.upload("operation=append&branch="+branch, id)
		h.add(branch, append(slices.Clone(h.rows[h.heads[branch]]), id))
	case 3:
		h.call(http.MethodPost, fmt.Sprintf("/versions/%d/restore", some), map[string]any{"branch": branch}, status)
		if status == http.StatusCreated {
			h.add(branch, h.rows[some])
		}
	case 4:
		name := fmt.Sprintf("b%d", h.last)
		if _, taken := h.heads[name]; !taken {
			h.call(http.MethodPost, "/branches", map[string]any{"name": name, "from": strconv.Itoa(some)}, status)
			if status == http.StatusCreated {
				h.heads[name] = some
			}
		}
	case 5, 6:
		h.age(31 + r.IntN(2))
		h.archiveAll()
		h.sweep(http.StatusNoContent)
	case 7:
		if status == http.StatusConflict {
			h.recall(some)
		}
	}
}

// archiveAll applies the policy, and compares what it archives with its preview.
func (h *history) archiveAll() {
	h.t.Helper()
	want := slices.Sorted(slices.Values(append(h.list(), h.preview("")...)))
	h.Wake("datasets-lifecycle").Want(h.t, http.StatusNoContent)
	for h.count(`SELECT count(*) FROM jobs WHERE kind = 'datasets-archive' AND finished_at IS NULL`) > 0 {
		h.archived++
		platformtest.Deliver(h.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](h.Platform, h.archived)[h.archived-1]).Want(h.t, http.StatusNoContent)
	}
	h.wantArchived(want...)
	for _, head := range h.heads {
		if slices.Contains(want, head) {
			h.t.Errorf("version %d is archived, which is a head", head)
		}
	}
}

// check reads all versions, and compares the stored objects with what they need.
func (h *history) check() {
	h.t.Helper()
	archived := h.list()
	for v, ids := range h.rows {
		if slices.Contains(archived, v) {
			wantRefusal(h.t, h.query(fmt.Sprintf("@%d", v), http.StatusConflict), v)
		} else {
			h.wantReadable(v, strings.Join(ids, ","))
		}
	}
	const own = `SELECT count(*) FROM (SELECT v.archived_at FROM version_files f JOIN dataset_versions v USING (dataset_id, version)
		UNION ALL SELECT archived_at FROM dataset_versions WHERE table_name IS NOT NULL) o WHERE `
	h.wantFiles(h.count(own+`archived_at IS NULL`), h.count(own+`archived_at IS NOT NULL`))
}

// However versions are made, archived and recalled: each is in one store, and those that are not
// archived have the right rows.
func TestHistories_Random_AreReadableOrArchived(t *testing.T) {
	t.Parallel()
	for seed := range 3 {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(seed), 11))
			h := &history{fixture: newFixture(t), rows: map[int][]string{}, heads: map[string]int{}}
			h.upload("operation="+version.Replace, "a")
			h.add(version.Main, []string{"a"})
			h.policy(map[string]any{"archive_after_days": 30})
			for range 25 {
				h.step(r)
			}
			h.age(2)
			h.sweep(http.StatusNoContent)
			h.check()
			for _, v := range h.list() {
				if slices.Contains(h.list(), v) {
					h.recall(v)
				}
			}
			h.age(2)
			h.sweep(http.StatusNoContent)
			h.check()
		})
	}
}
