package orcfile

import (
	"context"

	"function/shared/orc"
)

// scan has what the types of a file do not say, and its values decide.
type scan struct {
	nanoseconds map[int]bool // the timestamps of which a value is not in whole microseconds
	scales      map[int]int  // the greatest scale of decimals without precision
}

// scanFile reads the streams that decide the types. It stops at damage, which reading the values
// reports.
func scanFile(ctx context.Context, file *orc.File) (*scan, error) {
	s := &scan{nanoseconds: map[int]bool{}, scales: map[int]int{}}
	needed := func(t orc.Type) bool { return t.Kind == orc.Timestamp || t.Kind == orc.Decimal && t.Precision == 0 }
	none := true
	for _, t := range file.Types {
		none = none && !needed(t)
	}
	if none {
		return s, nil
	}
	for i := range file.Stripes {
		stripe, err := file.Stripe(i)
		if err != nil {
			return nil, err
		}
		in := &source{Stripe: stripe, file: file}
		for id, t := range file.Types {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if needed(t) {
				s.column(in, id, t)
			}
		}
	}
	return s, nil
}

func (s *scan) column(in *source, id int, t orc.Type) {
	if t.Kind == orc.Timestamp && s.nanoseconds[id] {
		return
	}
	values := in.integers(id, orc.Secondary, t.Kind == orc.Decimal)
	for {
		v, err := values.Next()
		if err != nil {
			return
		}
		if t.Kind == orc.Decimal {
			s.scales[id] = max(s.scales[id], int(min(v, maxPrecision+1)))
			continue
		}
		if nanos, err := nanoseconds(v); err == nil && nanos%1000 != 0 {
			s.nanoseconds[id] = true
			return
		}
	}
}
