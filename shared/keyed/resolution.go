package keyed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Resolution decides one conflict.
type Resolution struct {
	Key  map[string]json.RawMessage `json:"key" nullable:"false" doc:"The columns of the key, with their values as the preview shows them" example:"{\"id\": 7}"`
	Take string                     `json:"take" enum:"ours,theirs,base" doc:"ours: the row of the branch that gets the changes; theirs: that of the branch that is merged; base: that of the common version. A side that has no such row removes it"`
}

// CheckResolutions returns an *invalid.Error for resolutions that no merge by this key can have: with
// other columns, with a value that is not a string, a number or a boolean, or of the same row.
func CheckResolutions(resolutions []Resolution, key []string) error {
	seen := map[string]int{}
	for i, r := range resolutions {
		texts, err := r.texts(key)
		if err != nil {
			return &invalid.Error{Detail: fmt.Sprintf("Resolution %d %s.", i+1, err)}
		}
		id := joined(texts)
		if first, twice := seen[id]; twice {
			return twoResolutions(first, i)
		}
		seen[id] = i
	}
	return nil
}

// texts returns the values of the columns of a key, as texts.
func (r Resolution) texts(key []string) ([]string, error) {
	texts := make([]string, len(key))
	for i, name := range key {
		found := 0
		for member, value := range r.Key {
			if !strings.EqualFold(member, name) {
				continue
			}
			text, ok := text(value)
			if !ok {
				return nil, fmt.Errorf("has a key whose column %s is not a string, a number or a boolean", fault.Excerpt(name))
			}
			texts[i] = text
			found++
		}
		if found != 1 || len(r.Key) != len(key) {
			return nil, fmt.Errorf("has a key that does not consist of the columns %s", strings.Join(key, ", "))
		}
	}
	return texts, nil
}

// text returns a JSON string's content, or the number or boolean itself.
func text(value json.RawMessage) (string, bool) {
	var decoded any
	if err := json.Unmarshal(value, &decoded); err != nil {
		return string(value), value[0] == '-' || value[0] >= '0' && value[0] <= '9' // a number beyond a float64
	}
	switch decoded := decoded.(type) {
	case string:
		return decoded, true
	case float64, bool:
		return string(value), true
	}
	return "", false
}

// joined is a key of maps for texts.
func joined(texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString(strconv.Quote(t))
	}
	return b.String()
}

// shownAs returns the text by which resolutions name a value of a column: as a preview shows it,
// but for the spelling of floating-point numbers.
func shownAs(f engine.Field, text string) string {
	if f.Type == "DOUBLE" || f.Type == "FLOAT" {
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return strconv.FormatFloat(n, 'g', -1, 64)
		}
	}
	return text
}

// resolve makes the table resolved: the keys of the resolutions and what they take. Keys are compared
// as they are shown, so that no conversion to the type of a column can round one to another row.
func (m merging) resolve(ctx context.Context, resolutions []Resolution) error {
	wanted := map[string]int{}
	for i, r := range resolutions {
		texts, err := r.texts(m.keyNames())
		if err != nil {
			return &invalid.Error{Detail: fmt.Sprintf("Resolution %d %s.", i+1, err)}
		}
		id := m.identify(texts)
		if first, twice := wanted[id]; twice {
			return twoResolutions(first, i)
		}
		wanted[id] = i
	}
	if err := m.Exec(ctx, "CREATE TEMP TABLE resolved AS SELECT "+m.keys("")+", '' AS take FROM merged LIMIT 0"); err != nil || len(resolutions) == 0 {
		return err
	}
	if err := m.Exec(ctx, "CREATE TEMP TABLE conflict AS SELECT row_number() OVER () AS n, "+m.keys("")+" FROM merged WHERE take IS NULL"); err != nil {
		return err
	}
	fields, err := m.Fields(ctx, "conflict")
	if err != nil {
		return err
	}
	var chosen []string
	err = m.Each(ctx, "SELECT "+engine.Projection(fields)+" FROM conflict", func(row []any) error {
		texts := make([]string, len(m.key))
		for k := range m.key {
			encoded, err := json.Marshal(fields[k+1].Value(row[k+1]))
			if err != nil {
				return fmt.Errorf("encode key: %w", err)
			}
			texts[k], _ = text(encoded)
		}
		id := m.identify(texts)
		if i, ok := wanted[id]; ok {
			chosen = append(chosen, fmt.Sprintf("(%v, %s)", row[0], engine.Literal(resolutions[i].Take)))
			delete(wanted, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(wanted) > 0 {
		return m.noConflict(resolutions, slices.Min(slices.Collect(maps.Values(wanted))))
	}
	return m.Exec(ctx, fmt.Sprintf("INSERT INTO resolved SELECT %s, chosen.take FROM conflict JOIN (VALUES %s) chosen(n, take) USING (n)", m.keys(""), strings.Join(chosen, ", ")))
}

// identify returns a key of maps for the key of a row.
func (m merging) identify(texts []string) string {
	spelled := make([]string, len(texts))
	for i, text := range texts {
		spelled[i] = shownAs(m.fields[m.key[i]], text)
	}
	return joined(spelled)
}

func (m merging) noConflict(resolutions []Resolution, i int) error {
	texts, err := resolutions[i].texts(m.keyNames())
	if err != nil {
		return err
	}
	values := make([]any, len(texts))
	for k := range texts {
		values[k] = texts[k]
	}
	return &invalid.Error{Detail: fmt.Sprintf("Resolution %d is of a row that has no conflict: %s. Resolve only rows that the preview of the merge shows as conflicts.", i+1, shown(m.keyNames(), values))}
}

func twoResolutions(first, second int) error {
	return &invalid.Error{Detail: fmt.Sprintf("Resolutions %d and %d are of the same row.", first+1, second+1)}
}
