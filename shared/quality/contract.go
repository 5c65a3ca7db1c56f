package quality

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
	"function/shared/ingest/reading"
)

// Contract says what the versions of a data set must be like.
type Contract struct {
	Owner         string           `json:"owner,omitempty" maxLength:"200" doc:"Who answers for the data"`
	Description   string           `json:"description,omitempty" maxLength:"10000"`
	Schema        []ContractColumn `json:"schema,omitempty" maxItems:"2000" nullable:"false" doc:"Columns that every file must have, with their types"`
	Compatibility string           `json:"compatibility,omitempty" enum:"none,backward,forward,full" doc:"How the columns may change from version to version. backward: readers of the new columns can read old rows, so columns may be removed, and added only if they may be null. forward: readers of the old columns can read new rows, so columns may be added. full: both"`
	Key           []string         `json:"key,omitempty" maxItems:"16" nullable:"false" doc:"The columns that identify a row: failing rows begin with them"`
	Rules         []Rule           `json:"rules,omitempty" maxItems:"500" nullable:"false"`
	ServiceLevels *ServiceLevel    `json:"service_levels,omitempty"`
}

// ContractColumn is a column that a contract promises.
type ContractColumn struct {
	Name     string `json:"name" minLength:"1" maxLength:"255"`
	Type     string `json:"type" maxLength:"32" example:"DECIMAL(18,2)" doc:"As in the schema of a data set"`
	Required bool   `json:"required,omitempty" doc:"Every file has the column, and every row a value"`
}

// ServiceLevel is what the owner promises beyond the rows.
type ServiceLevel struct {
	Freshness    string `json:"freshness,omitempty" example:"24h" doc:"The maximum age of the current version. When it is exceeded, the owner of the data set gets a notice"`
	Availability string `json:"availability,omitempty" maxLength:"200"`
	Support      string `json:"support,omitempty" maxLength:"200"`
}

// MaxAge is the maximum age of the newest version, or zero.
func (s ServiceLevel) MaxAge() time.Duration {
	age, _ := duration(s.Freshness)
	return age
}

// Rule is one rule. Which parameters it takes depends on its kind.
type Rule struct {
	Name       string     `json:"name,omitempty" maxLength:"200" doc:"Unique in the contract. If absent, the kind and the columns"`
	Kind       string     `json:"kind" enum:"type,not_null,unique,range,length,pattern,set,foreign_key,freshness,row_count_drift,distribution_drift,completeness,sql"`
	Severity   string     `json:"severity,omitempty" enum:"warn,block" default:"block" doc:"block: a version that fails the rule does not become current"`
	Weight     *float64   `json:"weight,omitempty" minimum:"0" maximum:"1000000" doc:"Its weight in the score; 1 if absent"`
	Column     string     `json:"column,omitempty" maxLength:"255"`
	Columns    []string   `json:"columns,omitempty" maxItems:"64" nullable:"false" doc:"Of not_null and unique: several columns"`
	Type       string     `json:"type,omitempty" maxLength:"32" doc:"Of type: every value can be kept exactly in this type"`
	Min        *Value     `json:"min,omitempty" doc:"Of range and length: the least allowed value, or number of characters"`
	Max        *Value     `json:"max,omitempty" doc:"Of range and length: the greatest allowed value, or number of characters"`
	Pattern    string     `json:"pattern,omitempty" maxLength:"1000" doc:"Of pattern: a regular expression (RE2) that matches a part of the value; ^ and $ make it match the whole"`
	Values     []Value    `json:"values,omitempty" maxItems:"10000" nullable:"false" doc:"Of set: the allowed values"`
	Reference  *Reference `json:"reference,omitempty" doc:"Of foreign_key: where every value must be"`
	Within     string     `json:"within,omitempty" example:"36h" doc:"Of freshness: the maximum age of the newest value, such as 90m, 36h or 7d"`
	Share      *float64   `json:"share,omitempty" minimum:"0" maximum:"1" doc:"Of completeness: the least share of rows with a value"`
	Change     *float64   `json:"change,omitempty" minimum:"0" doc:"Of row_count_drift: the greatest change of the number of rows, as a share of the version before"`
	Method     string     `json:"method,omitempty" enum:"psi,ks" doc:"Of distribution_drift: psi, the population stability index over the tenths of the version before (text: its 20 most frequent values); ks, the two-sample Kolmogorov-Smirnov statistic (numbers and times). psi if absent"`
	Threshold  *float64   `json:"threshold,omitempty" minimum:"0" doc:"Of distribution_drift: the greatest drift; 0.25 for psi and 0.1 for ks if absent"`
	Expression string     `json:"expression,omitempty" maxLength:"10000" doc:"Of sql: a condition on a row, which fails where it is false; null passes, as in a CHECK constraint"`
	Query      string     `json:"query,omitempty" maxLength:"100000" doc:"Of sql: a SELECT that returns the failing rows, with all columns, from the table this"`
}

// Reference names a column of another data set.
type Reference struct {
	Dataset string `json:"dataset" maxLength:"63" doc:"Name of a data set of the organization; its current version counts"`
	Column  string `json:"column" maxLength:"255"`
}

// Value is a string, number or boolean, with all its digits.
type Value struct{ json.RawMessage }

// UnmarshalJSON refuses null, lists and objects.
func (v *Value) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || strings.ContainsRune("{[n", rune(data[0])) {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[Value]()}
	}
	v.RawMessage = slices.Clone(data)
	return nil
}

// parameters lists the parameters of each kind: those before the empty string are needed, one of each group.
var parameters = map[string]struct{ needed, optional []string }{
	"type":               {[]string{"column", "type"}, nil},
	"not_null":           {[]string{"column|columns"}, nil},
	"unique":             {[]string{"column|columns"}, nil},
	"range":              {[]string{"column", "min|max"}, nil},
	"length":             {[]string{"column", "min|max"}, nil},
	"pattern":            {[]string{"column", "pattern"}, nil},
	"set":                {[]string{"column", "values"}, nil},
	"foreign_key":        {[]string{"column", "reference"}, nil},
	"freshness":          {[]string{"column", "within"}, nil},
	"row_count_drift":    {[]string{"change"}, nil},
	"distribution_drift": {[]string{"column"}, []string{"method", "threshold"}},
	"completeness":       {[]string{"column", "share"}, nil},
	"sql":                {[]string{"expression|query"}, nil},
}

// Decode reads a contract from JSON and checks it. What it does not know is refused with its place, such as
// body.rules[2].colum. It fills in the defaults.
func Decode(text []byte) (*Contract, error) {
	if !json.Valid(text) {
		return nil, fault.New(fault.Malformed, "The contract is not valid JSON")
	}
	if err := known(text, "body", reflect.TypeFor[Contract]()); err != nil {
		return nil, err
	}
	c := &Contract{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fault.New(fault.Invalid, "The contract cannot be read").Because(err)
	}
	return c, c.check()
}

// known refuses members that a type does not have, and values of the wrong kind.
func known(text json.RawMessage, place string, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Value]():
		var v Value
		if err := json.Unmarshal(text, &v); err != nil || v.RawMessage == nil {
			return fault.At(place, "write a string, a number, true or false")
		}
	case t.Kind() == reflect.Struct:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil || members == nil {
			return fault.At(place, "write an object")
		}
		fields := map[string]reflect.Type{}
		for i := range t.NumField() {
			fields[jsonName(t.Field(i))] = t.Field(i).Type
		}
		for _, name := range sortedKeys(members) {
			field, ok := fields[name]
			if !ok {
				return fault.At(place+"."+name, "%s has no member %s: it has %s", strings.TrimPrefix(place, "body."), fault.Excerpt(name), strings.Join(sortedKeys(fields), ", "))
			}
			if err := known(members[name], place+"."+name, field); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Slice:
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil || items == nil {
			return fault.At(place, "write a list")
		}
		for i, item := range items {
			if err := known(item, fmt.Sprintf("%s[%d]", place, i), t.Elem()); err != nil {
				return err
			}
		}
	default:
		var null any
		if err := json.Unmarshal(text, reflect.New(t).Interface()); err != nil || json.Unmarshal(text, &null) == nil && null == nil {
			return fault.At(place, "write a %s", map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number"}[t.Kind()])
		}
	}
	return nil
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (c *Contract) check() error {
	if c.Compatibility == "" {
		c.Compatibility = "none"
	}
	if !slices.Contains([]string{"none", "backward", "forward", "full"}, c.Compatibility) {
		return fault.At("body.compatibility", "write none, backward, forward or full")
	}
	seen := map[string]bool{}
	for i := range c.Schema {
		column, place := &c.Schema[i], fmt.Sprintf("body.schema[%d]", i)
		column.Type = strings.ToUpper(strings.TrimSpace(column.Type))
		if _, ok := reading.SQLType(column.Type); !ok {
			return fault.At(place+".type", "this is not a type that a column can have, such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE or TIMESTAMP")
		}
		name := strings.ToLower(column.Name)
		if column.Name == "" || seen[name] {
			return fault.At(place+".name", "every column needs a name of its own; SQL names are case-insensitive")
		}
		seen[name] = true
	}
	if len(c.Schema) > 2000 || len(c.Key) > 16 || len(c.Rules) > 500 {
		return fault.New(fault.Invalid, "A contract has at most 2,000 columns, 16 columns of a key and 500 rules")
	}
	if s := c.ServiceLevels; s != nil && s.Freshness != "" {
		if _, ok := duration(s.Freshness); !ok {
			return fault.At("body.service_levels.freshness", "write a duration such as 90m, 36h or 7d")
		}
	}
	names := map[string]bool{}
	for i := range c.Rules {
		if err := c.Rules[i].check(fmt.Sprintf("body.rules[%d]", i)); err != nil {
			return err
		}
		if names[c.Rules[i].Name] {
			return fault.At(fmt.Sprintf("body.rules[%d].name", i), "another rule is already named %s: give this one a name of its own", fault.Excerpt(c.Rules[i].Name))
		}
		names[c.Rules[i].Name] = true
	}
	return nil
}

func (r *Rule) check(place string) error {
	kind, ok := parameters[r.Kind]
	if !ok {
		return fault.At(place+".kind", "write one of %s", strings.Join(sortedKeys(parameters), ", "))
	}
	if r.Severity == "" {
		r.Severity = Block
	}
	if r.Severity != Warn && r.Severity != Block {
		return fault.At(place+".severity", "write warn or block")
	}
	given := r.given()
	allowed := slices.Concat(kind.optional, strings.Split(strings.Join(kind.needed, "|"), "|"))
	for _, name := range given {
		if !slices.Contains(allowed, name) {
			return fault.At(place+"."+name, "a rule of the kind %s does not use %s: it uses %s", r.Kind, name, strings.Join(allowed, ", "))
		}
	}
	for _, group := range kind.needed {
		choices := strings.Split(group, "|")
		n := 0
		for _, choice := range choices {
			if slices.Contains(given, choice) {
				n++
			}
		}
		if n == 0 {
			return fault.At(place, "a rule of the kind %s needs %s", r.Kind, strings.Join(choices, " or "))
		}
		if n > 1 && group != "min|max" {
			return fault.At(place, "give either %s", strings.Join(choices, " or "))
		}
	}
	if r.Name == "" {
		r.Name = strings.Join(append([]string{r.Kind}, r.columns()...), "_")
	}
	return r.checkParameters(place)
}

// given lists the parameters that a rule has.
func (r *Rule) given() (names []string) {
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		name := jsonName(v.Type().Field(i))
		if !slices.Contains([]string{"name", "kind", "severity", "weight"}, name) && !v.Field(i).IsZero() {
			names = append(names, name)
		}
	}
	return names
}

func (r *Rule) columns() []string {
	if r.Column != "" {
		return []string{r.Column}
	}
	return r.Columns
}

func (r *Rule) weight() float64 {
	if r.Weight == nil {
		return 1
	}
	return *r.Weight
}

func (r *Rule) checkParameters(place string) error {
	if strings.ContainsRune(r.Name+r.Column+strings.Join(r.Columns, "")+r.Pattern+r.Expression+r.Query, 0) {
		return fault.At(place, "leave out NUL characters")
	}
	for name, number := range map[string]*float64{"weight": r.Weight, "share": r.Share, "change": r.Change, "threshold": r.Threshold} {
		if number != nil && (*number < 0 || math.IsInf(*number, 0) || name == "share" && *number > 1) {
			return fault.At(place+"."+name, "this number is out of range")
		}
	}
	if r.Kind == "type" {
		r.Type = strings.ToUpper(strings.TrimSpace(r.Type))
		if _, ok := reading.SQLType(r.Type); !ok {
			return fault.At(place+".type", "this is not a type that a column can have, such as BIGINT, DECIMAL(18,2) or DATE")
		}
	}
	if _, err := regexp.Compile(r.Pattern); err != nil {
		return fault.At(place+".pattern", "this is not a regular expression (RE2)")
	}
	if _, ok := duration(r.Within); r.Within != "" && !ok {
		return fault.At(place+".within", "write a duration such as 90m, 36h or 7d")
	}
	if r.Method != "" && r.Method != "psi" && r.Method != "ks" {
		return fault.At(place+".method", "write psi or ks")
	}
	if r.Reference != nil && (r.Reference.Dataset == "" || r.Reference.Column == "") {
		return fault.At(place+".reference", "name the data set and its column")
	}
	for name, bound := range map[string]*Value{"min": r.Min, "max": r.Max} {
		if bound == nil {
			continue
		}
		if n, err := strconv.ParseInt(string(bound.RawMessage), 10, 64); r.Kind == "length" && (err != nil || n < 0) {
			return fault.At(place+"."+name, "a length is a whole number")
		}
		if bound.RawMessage[0] == 't' || bound.RawMessage[0] == 'f' {
			return fault.At(place+"."+name, "a bound is a number or a string")
		}
	}
	if len(r.Values) > 10_000 || len(r.Columns) > 64 {
		return fault.At(place, "a rule has at most 10,000 values and 64 columns")
	}
	return nil
}

var days = regexp.MustCompile(`^[0-9]{1,5}d$`)

// duration parses a positive duration, in which d is a day of 24 hours.
func duration(text string) (time.Duration, bool) {
	if days.MatchString(text) {
		n, _ := strconv.Atoi(strings.TrimSuffix(text, "d"))
		return time.Duration(n) * 24 * time.Hour, n > 0 && n < 36500
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0 && !errors.Is(err, strconv.ErrRange)
}

// Compares reports whether a rule compares with the version before.
func (c *Contract) Compares() bool {
	return slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Kind == "row_count_drift" || r.Kind == "distribution_drift" })
}

// Columns lists the columns that rules about the values of one column name.
func (c *Contract) Columns() (names []string) {
	for _, r := range c.AllRules() {
		if columns := r.columns(); len(columns) == 1 && !slices.Contains(names, columns[0]) {
			names = append(names, columns[0])
		}
	}
	return names
}

// References lists the data sets that foreign keys refer to.
func (c *Contract) References() (names []string) {
	for _, r := range c.Rules {
		if r.Reference != nil && !slices.Contains(names, r.Reference.Dataset) {
			names = append(names, r.Reference.Dataset)
		}
	}
	return names
}

// Schema implements huma.SchemaProvider.
func (Value) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}}
}
