package derive_test

import (
	"fmt"
	"net/http"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

// dieOnce ends the database session of the first statement that a trigger meets. It counts with a sequence, because
// sequences are not rolled back.
func (o *team) dieOnce(trigger string) {
	o.t.Helper()
	_, err := o.DB(database.Datasets).Exec(o.t.Context(), `
CREATE SEQUENCE deaths;
CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER die_once `+trigger+` EXECUTE FUNCTION die_once()`)
	if err != nil {
		o.t.Fatal(err)
	}
}

// The session dies while the result becomes ready, or while its lineage is written.
func TestDerive_KilledWhileItFinishes_RetryMakesOneVersion(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"version": `BEFORE UPDATE ON dataset_versions FOR EACH ROW WHEN (NEW.status = 'ready' AND NEW.operation = 'derive')`,
		"lineage": `BEFORE INSERT ON version_column_inputs FOR EACH ROW`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			sales, totals := o.create("sales"), o.create("totals")
			o.upload(sales, "region,amount\nn,1\nn,2\ns,5\n")
			o.dieOnce(trigger)
			o.derive(totals, "SELECT region, sum(amount) AS total FROM sales GROUP BY region").Want(t, http.StatusAccepted)
			o.profile()
			o.want(totals, "1 derive processing [sales=1]")
			datasetstest.MakeJobsDue(t, o.Platform)
			o.profile()
			o.want(totals, "1 derive 2 [sales=1]")
			if n := datasetstest.Count(t, o.Platform, `SELECT count(*) FROM version_column_inputs WHERE dataset_id = $1`, totals); n != 3 {
				t.Errorf("%d inputs of columns, want 3", n)
			}
			if n := len(platformtest.Published[events.DatasetReady](o.Platform, 2)); n != 2 {
				t.Errorf("%d events of ready data sets, want one of each", n)
			}
		})
	}
}

// The session dies while the event of an input adds a version.
func TestDerive_KilledWhileItAddsAVersion_RedeliveryAddsOne(t *testing.T) {
	t.Parallel()
	o := open(t)
	sales, totals := o.create("sales"), o.create("totals")
	o.derive(totals, "SELECT sum(amount) AS total FROM sales").Want(t, http.StatusAccepted)
	o.upload(sales, "amount\n1\n2\n")
	o.dieOnce(`BEFORE INSERT ON version_inputs FOR EACH ROW`)
	ready := platformtest.Published[events.DatasetReady](o.Platform, 1)[0]
	answer := platformtest.Deliver(o.Platform, "datasets-derive", ready)
	if answer.Status < 500 {
		o.want(totals, "1 derive processing [sales=1]") // tried again at once
	} else {
		o.want(totals)
	}
	o.settle()
	o.want(totals, "1 derive 1 [sales=1]")
}

// All news of two inputs arrives at the same time, twice.
func TestDerive_InputsReadyAtOnce_VersionsInOrderEachOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	sales, rates, totals := o.create("sales"), o.create("rates"), o.create("totals")
	o.derive(totals, "SELECT sum(amount * rate) AS total FROM sales, rates").Want(t, http.StatusAccepted)
	const rounds = 3
	for i := range rounds {
		o.upload(sales, fmt.Sprintf("amount\n%d\n", i+1))
		o.upload(rates, fmt.Sprintf("rate\n%d\n", i+1))
		ready := platformtest.Published[events.DatasetReady](o.Platform, o.ready+2)
		news := append(ready[o.ready:], ready[o.ready:]...)
		o.ready = len(ready)
		done := make(chan platformtest.Answer)
		for _, e := range news {
			go func() { done <- platformtest.Deliver(o.Platform, "datasets-derive", e) }()
		}
		for range news {
			(<-done).Want(t, http.StatusNoContent)
		}
		o.profile()
		o.ready++ // of totals, which nothing is derived from
	}
	var want []string
	for i := range rounds {
		want = append(want, fmt.Sprintf("%[1]d derive 1 [rates=%[1]d sales=%[1]d]", i+1))
	}
	o.want(totals, want...)
}
