package policies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/resultset"
	"function/shared/sandbox"
)

// check returns an error unless the rules can be applied to the current version of a table.
func check(ctx context.Context, tx *outbox.Tx, id uuid.UUID, rules access.Rules) error {
	columns, err := dataset.Columns(ctx, tx, id)
	if err != nil {
		return err
	}
	switch {
	case len(columns) == 0:
		return fault.New(fault.Conflict, "This data set has no ready version, to whose columns a policy could refer: upload a file first")
	case rules.Filter == "" && len(rules.Masks) == 0 && rules.MaskPersonal == "":
		return fault.At("body", "the policy hides nothing: set filter, masks or mask_personal_data")
	}
	if err := checkMasks(columns, rules.Masks); err != nil || rules.Filter == "" {
		return err
	}
	if slices.ContainsFunc(columns, func(c resultset.Column) bool { return strings.EqualFold(c.Name, access.CallerColumn.Name) }) {
		return fault.At("body.filter", "the table has a column named caller, which in a filter is the reader: a table with a filter cannot have it")
	}
	err = sandbox.CheckCondition(ctx, append(columns, access.CallerColumn), rules.Filter)
	if refused := (*sandbox.Error)(nil); errors.As(err, &refused) {
		return fault.At("body.filter", "%s", refused.Detail)
	}
	return err
}

func checkMasks(columns []resultset.Column, masks []access.Mask) error {
	for i, m := range masks {
		at := fmt.Sprintf("body.masks[%d]", i)
		same := func(name string) func(string) bool { return func(s string) bool { return strings.EqualFold(s, name) } }
		place := slices.IndexFunc(columns, func(c resultset.Column) bool { return same(m.Column)(c.Name) })
		switch {
		case place < 0:
			return fault.At(at+".column", "the table has no column %s", fault.Excerpt(m.Column))
		case slices.ContainsFunc(masks[:i], func(o access.Mask) bool { return same(m.Column)(o.Column) }):
			return fault.At(at+".column", "the policy masks the column %s twice", fault.Excerpt(m.Column))
		}
		if sentence := m.Check(columns[place].Type); sentence != "" {
			return fault.At(at, "%s", sentence)
		}
	}
	return nil
}
