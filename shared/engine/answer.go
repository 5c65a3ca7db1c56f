//go:build cgo

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"function/shared/resultset"
)

// answer reads the table "answer" in the form that package resultset prescribes.
func (s *session) answer(ctx context.Context, limits Limits) (*resultset.Set, error) {
	var columns []resultset.Column
	err := s.each(ctx, "SELECT column_name, column_type FROM (DESCRIBE temp.answer)", func(row []any) error {
		columns = append(columns, resultset.Column{Name: row[0].(string), Type: row[1].(string)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.nestedFit(ctx, columns, limits); err != nil {
		return nil, err
	}
	builder := resultset.NewBuilder(columns, limits.Rows, limits.Bytes)
	errFull := errors.New("full")
	err = s.each(ctx, "SELECT "+projection(columns)+" FROM temp.answer", func(row []any) error {
		for i, v := range row {
			row[i] = value(v, columns[i].Type)
		}
		if fits, err := builder.Add(row); err != nil || !fits {
			return errors.Join(err, errFull)
		}
		return nil
	})
	if err != nil && err.Error() != errFull.Error() {
		return nil, err
	}
	return builder.Set(), nil
}

// nestedFit refuses nested values that are larger than a whole answer before they are taken apart in Go.
func (s *session) nestedFit(ctx context.Context, columns []resultset.Column, limits Limits) error {
	var sizes []string
	for _, c := range columns {
		if nested(c.Type) {
			sizes = append(sizes, fmt.Sprintf("coalesce(max(strlen(CAST(%s AS VARCHAR))), 0)", identifier(c.Name)))
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
		return &QueryError{Reason: Memory, Detail: "A list, map or struct of the answer is larger than an answer may be."}
	}
	return nil
}

// projection selects the columns; JSON travels as text, because the driver would turn its numbers into doubles.
func projection(columns []resultset.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = identifier(c.Name)
		switch {
		case c.Type == "JSON":
			list[i] = "CAST(" + list[i] + " AS VARCHAR)"
		case nested(c.Type) && strings.Contains(c.Type, "JSON"):
			list[i] = "CAST(to_json(" + list[i] + ") AS VARCHAR)"
		}
	}
	return strings.Join(list, ", ")
}

func nested(sqlType string) bool {
	return strings.HasSuffix(sqlType, "]") || strings.HasPrefix(sqlType, "STRUCT(") ||
		strings.HasPrefix(sqlType, "MAP(") || strings.HasPrefix(sqlType, "UNION(")
}

func value(v any, sqlType string) any {
	if s, ok := v.(string); ok && (sqlType == "JSON" || nested(sqlType)) {
		return resultset.Value(json.RawMessage(s), sqlType)
	}
	return resultset.Value(v, sqlType)
}
