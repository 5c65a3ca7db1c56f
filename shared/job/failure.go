package job

import (
	"context"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Failure changes a domain's own state when a job has failed for good.
type Failure func(context.Context, *outbox.Tx) error

// OnFailure declares a function that ends the jobs of a kind whose last attempt has failed. fail
// returns the change for a job's key and the reason, or refuses the key. The change runs once, in
// the transaction that discards the job.
func OnFailure(name string, in database.Name, kind string, fail func(key, reason string) (Failure, error)) function.Declaration {
	construct := func(ctx context.Context, env *function.Env) (*outbox.DB, error) { return env.Database(ctx, in) }
	end := func(db *outbox.DB, ctx context.Context, e events.Received[events.JobFailed]) error {
		if e.Data.Kind != kind {
			return nil
		}
		change, err := fail(e.Data.Key, e.Data.Reason)
		if err != nil {
			return err
		}
		return db.Transact(ctx, func(tx *outbox.Tx) error {
			ended, err := Discard(ctx, tx, e.Data)
			if err != nil || !ended {
				return err
			}
			return change(ctx, tx)
		})
	}
	return function.Service(name, construct, function.OnEvent(end)).Uses(function.Owns(in))
}
