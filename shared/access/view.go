package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/resultset"
)

// View is what a reader may see of a table. The zero View is all of it.
type View struct {
	policies []Policy // those that apply
	masks    map[string]Mask
	caller   string // the reader as a STRUCT in SQL, for filters
	key      []byte // of hashes
}

// MaskKeySize is the length in bytes of the key of a data set's hashes.
const MaskKeySize = 32

// View returns what the reader may see of a table of an organization with policies. personal are the columns with personal
// data, and the key is that of hashes.
func (r Reader) View(policies []Policy, owner uuid.UUID, personal []string, maskKey []byte) View {
	v := View{masks: map[string]Mask{}, key: maskKey}
	for _, p := range policies {
		if p.exempts(r, owner) {
			continue
		}
		masks := slices.Clone(p.Masks)
		for _, column := range personal {
			if p.MaskPersonal != "" {
				masks = append(masks, Mask{Column: column, With: p.MaskPersonal})
			}
		}
		v.policies = append(v.policies, p)
		for _, m := range masks {
			name := strings.ToLower(m.Column)
			if other, twice := v.masks[name]; twice {
				m = stronger(m, other)
			}
			v.masks[name] = m
		}
	}
	v.caller = r.literal(owner)
	return v
}

// literal returns the reader as the struct "caller" of filters. Roles in an organization say nothing in another one.
func (r Reader) literal(owner uuid.UUID) string {
	user, roles, teams := "NULL::VARCHAR", []string{}, []string{}
	if r.User != nil {
		user = engine.Literal(r.User.String())
	}
	if r.Organization == owner {
		roles = r.roles
	}
	for _, team := range r.teams {
		teams = append(teams, team.String())
	}
	return fmt.Sprintf("{'user_id': %s, 'organization_id': %s, 'roles': %s::VARCHAR[], 'teams': %s::VARCHAR[]}",
		user, engine.Literal(r.Organization.String()), engine.List(roles...), engine.List(teams...))
}

// Whole reports whether the reader may see the whole table.
func (v View) Whole() bool { return len(v.policies) == 0 }

// Key identifies the view among the views of a version: readers with the same key see the same.
func (v View) Key() string {
	hash := sha256.New()
	personal := slices.Sorted(maps.Keys(v.masks)) // with those of personal data
	fmt.Fprintf(hash, "%q\n", personal)
	for _, p := range v.policies {
		p.Name, p.Exempt = "", Exemption{}
		text, _ := json.Marshal(p) // of strings and numbers, which cannot fail
		fmt.Fprintf(hash, "%d\n%s\n", len(text), text)
		if strings.Contains(strings.ToLower(p.Filter), callerColumn) {
			fmt.Fprintf(hash, "%s\n", v.caller)
		}
	}
	hash.Write(v.key)
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// Columns returns the columns of the view of a table with some columns.
func (v View) Columns(columns []resultset.Column) []resultset.Column {
	seen := make([]resultset.Column, len(columns))
	for i, c := range columns {
		seen[i] = c
		if m, masked := v.masks[strings.ToLower(c.Name)]; masked {
			seen[i].Type = m.sqlType(c.Type)
		}
	}
	return seen
}

// CallerColumn is the reader in filters.
var CallerColumn = resultset.Column{Name: callerColumn, Type: "STRUCT(user_id VARCHAR, organization_id VARCHAR, roles VARCHAR[], teams VARCHAR[])"}

const callerColumn = "caller"

// Options bound the writing of a view.
type Options struct {
	Scratch string // directory for temporary files; empty: the system's
	Memory  string // DuckDB's memory limit; empty: 256MB
}

// Write writes the rows of Parquet files, as the view shows them and in their order, to a new Parquet file. A policy that
// cannot be applied to them, because a column is missing or has another type, is fault.Conflict.
func (v View) Write(ctx context.Context, files []string, dst string, o Options) error {
	s, err := engine.OpenSpilling(ctx, o.Scratch, o.Memory)
	if err != nil {
		return err
	}
	defer s.Close()
	source := engine.Parquet(files...)
	fields, err := s.Fields(ctx, source)
	if err != nil {
		return err
	}
	query, err := v.query(source, fields)
	if err != nil {
		return err
	}
	err = s.Exec(ctx, "COPY ("+query+") TO "+engine.Literal(dst)+" (FORMAT parquet, COMPRESSION zstd)")
	if e := engine.ErrorOf(err); e != nil && ctx.Err() == nil && !outOfResources(e) {
		return v.refuse() // without the cause, which may quote hidden values
	}
	return err
}

func (v View) refuse() error {
	names := make([]string, len(v.policies))
	for i, p := range v.policies {
		names[i] = p.Name
	}
	return fault.New(fault.Conflict, "The policy %s of this data set cannot be applied to this version: ask whoever governs your data sets to correct it", strings.Join(names, ", "))
}

// query selects the view. Each filter has a level of its own, so that none can be part of another.
func (v View) query(source string, fields []engine.Field) (string, error) {
	from := "SELECT * FROM " + source
	for _, p := range v.policies {
		if p.Filter == "" {
			continue
		}
		for _, f := range fields {
			if strings.EqualFold(f.Name, callerColumn) {
				return "", v.refuse() // the filter would read the column
			}
		}
		from = fmt.Sprintf("SELECT * EXCLUDE (%s) FROM (SELECT *, %s AS %s FROM (%s)) WHERE (\n%s\n)", callerColumn, v.caller, callerColumn, from, p.Filter)
	}
	columns := make([]string, len(fields))
	for i, f := range fields {
		name := engine.Identifier(f.Name)
		columns[i] = name
		if m, masked := v.masks[strings.ToLower(f.Name)]; masked {
			expression, err := m.expression(name, f.Type, v.key)
			if err != nil {
				return "", v.refuse()
			}
			columns[i] = expression + " AS " + name
		}
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM (" + from + ")", nil
}
