package main

import (
	"context"
	"fmt"
	"time"
)

const starts = 3

// start measures the time from exec to the line "ready", with an empty and with an existing data
// directory, and from SIGTERM to the end.
func (b *bench) start(ctx context.Context) error {
	var empty, existing, stopped []duration
	for i := range starts {
		dir := b.path(fmt.Sprintf("start-%d", i))
		for _, times := range []*[]duration{&empty, &existing} {
			p, err := startPlatform(ctx, dir)
			if err != nil {
				return err
			}
			end, err := p.stop()
			if err != nil {
				return err
			}
			*times, stopped = append(*times, p.started), append(stopped, end)
		}
		progress("start %d of %d: empty %s, existing %s", i+1, starts, empty[i], existing[i])
	}
	atMost(&b.table, "start on an empty DATA_DIR", median(empty), duration(8*time.Second))
	atMost(&b.table, "start on an existing DATA_DIR", median(existing), duration(3*time.Second))
	atMost(&b.table, "stop by SIGTERM, no process left", median(stopped), duration(5*time.Second))
	return nil
}
