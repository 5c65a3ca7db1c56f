package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"function/shared/resultset"
)

// errFull ends the reading of an answer whose limits are reached.
var errFull = errors.New("the result is full")

// answer reads the table "answer" in the form that package resultset prescribes.
func (s *session) answer(ctx context.Context, limits Limits) (*resultset.Set, error) {
	fields, err := s.fields(ctx, "temp.answer")
	if err != nil {
		return nil, err
	}
	if err := s.nestedFit(ctx, fields, limits); err != nil {
		return nil, err
	}
	columns := make([]resultset.Column, len(fields))
	for i, f := range fields {
		columns[i] = f.Column
	}
	builder := resultset.NewBuilder(columns, limits.Rows, limits.Bytes)
	err = s.each(ctx, "SELECT "+projection(fields)+" FROM temp.answer", func(row []any) error {
		for i, v := range row {
			row[i] = fields[i].value(v)
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

// nestedFit refuses nested values larger than a whole answer, before they are taken apart in Go.
func (s *session) nestedFit(ctx context.Context, fields []field, limits Limits) error {
	var sizes []string
	for _, f := range fields {
		if nested(f.Type) {
			sizes = append(sizes, fmt.Sprintf("coalesce(max(strlen(CAST(%s AS VARCHAR))), 0)", identifier(f.Name)))
		}
	}
	if len(sizes) == 0 {
		return nil
	}
	row, err := s.row(ctx, "SELECT greatest("+strings.Join(sizes, ", ")+") FROM temp.answer")
	if err != nil {
		return err
	}
	if size, _ := row[0].(int64); size > limits.Bytes {
		return tooLarge(limits)
	}
	return nil
}

func tooLarge(limits Limits) error {
	return &QueryError{Reason: Memory, Detail: fmt.Sprintf("A row of the result is larger than %d MiB, the limit for a whole result.", limits.Bytes>>20),
		Hint: "Select fewer columns, or shorter values."}
}
