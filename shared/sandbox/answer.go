package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/resultset"
)

// errFull ends the reading of a result that has reached its limits.
var errFull = errors.New("the result is full")

// answer reads the table "answer" into a result set.
func answer(ctx context.Context, s *engine.Session, limits Limits) (*resultset.Set, error) {
	fields, err := s.Fields(ctx, "temp.answer")
	if err != nil {
		return nil, err
	}
	if err := nestedFit(ctx, s, fields, limits); err != nil {
		return nil, err
	}
	columns := make([]resultset.Column, len(fields))
	for i, f := range fields {
		columns[i] = f.Column
	}
	builder := resultset.NewBuilder(columns, limits.Rows, limits.Bytes)
	err = s.Each(ctx, "SELECT "+engine.Projection(fields)+" FROM temp.answer", func(row []any) error {
		for i, v := range row {
			row[i] = fields[i].Value(v)
		}
		fits, err := builder.Add(row)
		if err == nil && !fits {
			err = errFull
		}
		return err
	})
	switch {
	case errors.Is(err, resultset.ErrRowTooLarge):
		return nil, tooLarge(limits)
	case err != nil && !errors.Is(err, errFull):
		return nil, err
	}
	return builder.Set(), nil
}

// nestedFit refuses nested values that are larger than a whole result may be, before Go reads them.
func nestedFit(ctx context.Context, s *engine.Session, fields []engine.Field, limits Limits) error {
	var sizes []string
	for _, f := range fields {
		if engine.Nested(f.Type) {
			sizes = append(sizes, fmt.Sprintf("coalesce(max(strlen(CAST(%s AS VARCHAR))), 0)", engine.Identifier(f.Name)))
		}
	}
	if len(sizes) == 0 {
		return nil
	}
	row, err := s.Row(ctx, "SELECT greatest("+strings.Join(sizes, ", ")+") FROM temp.answer")
	if err != nil {
		return err
	}
	if size, _ := row[0].(int64); size > limits.Bytes {
		return tooLarge(limits)
	}
	return nil
}

func tooLarge(limits Limits) error {
	return &Error{Reason: Memory, Detail: fmt.Sprintf("A row of the result is larger than %d MiB, the limit for a whole result.", limits.Bytes>>20),
		Hint: "Select fewer columns, or shorter values."}
}
