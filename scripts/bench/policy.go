package main

import (
	"context"
	"net/http"
)

// policy measures the group-by under a policy that keeps all rows and masks a column, alternating with the same query without one.
// The first read under a policy, which writes what may be seen, is not part of it.
func (b *bench) policy(ctx context.Context, id string) error {
	path := "/v1/datasets/" + id + "/policies/bench"
	rules := map[string]any{"filter": "value >= 0", "masks": []map[string]any{{"column": "id", "with": "null"}}}
	var under, without []duration
	for i := range queries + 1 {
		if err := b.user.call(ctx, http.MethodPut, path, rules, nil); err != nil {
			return err
		}
		limited, err := timed(func() error { return b.serve(ctx) })
		if err != nil {
			return err
		}
		if err := b.user.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
			return err
		}
		free, err := timed(func() error { return b.serve(ctx) })
		if err != nil {
			return err
		}
		if i > 0 {
			under, without = append(under, limited), append(without, free)
		} else {
			note(&b.table, "the first query under a policy, which writes what may be seen", limited)
		}
	}
	progress("under a policy %s, without %s", under, without)
	atMostOf(&b.table, "group-by under a policy", median(under), median(without), "without", 1.10)
	return nil
}
