package quality_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

// The connection breaks at one statement of the transaction that blocks the version, when the failing rows are in the store.
func TestQuality_CrashWhileFailingRowsAreRecorded_LeavesNothingPartial(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"INSERT ON datasets", "INSERT ON dataset_versions", "INSERT ON dataset_quality", "DELETE ON staged_objects"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			d := begin(t, "orders")
			d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":1}]}`, http.StatusOK)
			d.upload("", "n\n1\n")
			stored := datasetstest.Objects(t, d.p)
			body, contentType := datasetstest.Form(d, "file", "a.csv", "", "n\n1\n2\n3\n")
			d.call(http.MethodPost, "/upload", body, http.StatusCreated, "Content-Type", contentType)
			requested := platformtest.Published[events.ProfileRequested](d.p, 2)[1]
			administrator := d.p.Administrator(database.Datasets)
			if _, err := administrator.Exec(t.Context(), `
				CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
				CREATE TRIGGER crash BEFORE `+at+` FOR EACH STATEMENT EXECUTE FUNCTION crash()`); err != nil {
				t.Fatal(err)
			}
			platformtest.Deliver(d.p, "datasets-profile", requested).Want(t, http.StatusNoContent) // the job will be tried again
			d.want("processing 1")
			d.call(http.MethodGet, "/quality/2", nil, http.StatusNotFound)
			if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM datasets WHERE quality_of IS NOT NULL`); n != 0 {
				t.Errorf("%d data sets of failing rows after the crash", n)
			}
			if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM dataset_versions WHERE status = 'blocked'`); n != 0 {
				t.Errorf("%d blocked versions after the crash", n)
			}

			if _, err := administrator.Exec(t.Context(), `DROP FUNCTION crash CASCADE`); err != nil {
				t.Fatal(err)
			}
			datasetstest.MakeJobsDue(t, d.p)
			datasetstest.Profile(t, d.p, 3)
			d.want("blocked 1")
			failures := d.check(2).Failures
			if failures == nil || failures.Version != 1 {
				t.Fatalf("failing rows in %+v", failures)
			}
			if rows := d.rows(failures.DatasetID, 1); strings.Count(rows, "\n") != 3 {
				t.Errorf("failing rows %q", rows)
			}
			staged := datasetstest.Count(t, d.p, `SELECT count(*) FROM staged_objects`)
			if n := datasetstest.Objects(t, d.p); n-staged != stored+3 { // the file, the table and the failing rows
				t.Errorf("%d objects, %d of them staged, after %d", n, staged, stored)
			}
		})
	}
}
