package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"function/shared/engine"
	"function/shared/fault"
)

// maxStatement is the maximum length of the SQL text, in bytes.
const maxStatement = 256 << 10

// tableFunctions are the table functions that depend only on their arguments. All others read files, settings or the
// catalog, or run SQL that this check has not seen.
var tableFunctions = []string{"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"}

// withheldFunctions are scalar functions that show settings or the catalog, write, wait, or plan other SQL.
var withheldFunctions = []string{
	"current_setting", "set_config", "getenv", "getvariable", "get_block_size", "format_type",
	"json_serialize_plan", "write_log", "nextval", "currval", "sleep", "sleep_ms",
}

// withheldPrefixes are prefixes of further withheld functions.
var withheldPrefixes = []string{"pg_", "duckdb_", "pragma_", "read_", "parquet_", "sniff_"}

// statement is untrusted SQL with the syntax tree of DuckDB's own parser.
type statement struct {
	sql  string // without what follows the statement
	tree json.RawMessage
}

// parse accepts exactly one SELECT statement.
func parse(ctx context.Context, s *engine.Session, sql string) (*statement, error) {
	if len(sql) > maxStatement {
		return nil, &Error{Reason: Syntax, Detail: fmt.Sprintf("The query is longer than %d KiB.", maxStatement>>10)}
	}
	if !utf8.ValidString(sql) || strings.ContainsRune(sql, 0) {
		return nil, &Error{Reason: Syntax, Detail: "The query is not valid UTF-8 text."}
	}
	parsed, err := tree(ctx, s, sql)
	if err != nil {
		return nil, err
	}
	// The text goes into parentheses, where a semicolon is not allowed: cut it there if the statement stays the same.
	for i, tries := strings.LastIndexByte(sql, ';'), 0; i >= 0 && tries < 32; i, tries = strings.LastIndexByte(sql[:i], ';'), tries+1 {
		if cut, err := tree(ctx, s, sql[:i]); err == nil && string(cut) == string(parsed) {
			sql = sql[:i]
		}
	}
	return &statement{sql: sql, tree: parsed}, nil
}

// pivoting matches a PIVOT. Without a list of values, DuckDB parses it as several statements.
var pivoting = regexp.MustCompile(`(?i)\bpivot(?:_wider)?\b`)

// tree returns the syntax tree of the only statement of sql.
func tree(ctx context.Context, s *engine.Session, sql string) (json.RawMessage, error) {
	row, err := s.Row(ctx, "SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)", sql)
	if err != nil {
		return nil, fmt.Errorf("parse the query: %w", err)
	}
	var parsed struct {
		Error      bool
		Message    string `json:"error_message"`
		Type       string `json:"error_type"`
		Position   string
		Statements []json.RawMessage
	}
	text, _ := row[0].(string)
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		return nil, fmt.Errorf("read the syntax tree: %w", err)
	}
	switch {
	case parsed.Error && parsed.Type == "parser":
		return nil, &Error{Reason: Syntax, Detail: parsed.Message, Position: character(sql, parsed.Position)}
	case parsed.Error && strings.HasPrefix(parsed.Message, "Only SELECT") && pivoting.MatchString(sql):
		return nil, &Error{Reason: NotAllowed, Detail: "PIVOT needs the values that become columns: write ON column IN ('first', 'second')."}
	case parsed.Error && strings.HasPrefix(parsed.Message, "Only SELECT"):
		return nil, &Error{Reason: NotAllowed, Detail: "Only SELECT queries are allowed."}
	case parsed.Error:
		return nil, &Error{Reason: Syntax, Detail: parsed.Message}
	case len(parsed.Statements) == 0:
		return nil, &Error{Reason: Syntax, Detail: "The query is empty."}
	case len(parsed.Statements) > 1:
		return nil, &Error{Reason: Syntax, Detail: "The query contains more than one statement.", Hint: "Send one statement per request."}
	}
	return parsed.Statements[0], nil
}

// character converts a byte offset into a 1-based character position.
func character(sql, offset string) int {
	i, err := strconv.Atoi(offset)
	if err != nil || i < 0 || i > len(sql) {
		return 0
	}
	return utf8.RuneCountInString(sql[:i]) + 1
}

// takes refuses a wrong number of parameters, and named parameters.
func (st *statement) takes(given int) error {
	var parameters struct {
		Named []struct {
			Key string `json:"key"`
		} `json:"named_param_map"`
	}
	if err := json.Unmarshal(st.tree, &parameters); err != nil {
		return fmt.Errorf("read the syntax tree: %w", err)
	}
	for _, p := range parameters.Named {
		if i, err := strconv.Atoi(p.Key); err != nil || i > len(parameters.Named) {
			return &Error{Reason: Runtime, Detail: fmt.Sprintf("Write the parameter $%s as ?.", fault.Excerpt(p.Key))}
		}
	}
	if len(parameters.Named) != given {
		return &Error{Reason: Runtime, Detail: fmt.Sprintf("The query has %d placeholders (?), but there are %d parameters.", len(parameters.Named), given)}
	}
	return nil
}

// check refuses every table and function that the sandbox does not offer. It returns the tables that the statement reads,
// in lower case; a common table expression with the name of a table counts as it.
func (st *statement) check(tables []string) (read map[string]bool, err error) {
	var root any
	decoder := json.NewDecoder(strings.NewReader(string(st.tree)))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("read the syntax tree: %w", err)
	}
	c := checker{sql: st.sql, known: map[string]bool{}, read: map[string]bool{}}
	for _, name := range tables {
		c.known[strings.ToLower(name)] = true
	}
	c.names(root)
	return c.read, c.walk(root)
}

type checker struct {
	sql   string
	known map[string]bool // tables and common table expressions, in lower case
	read  map[string]bool // those that the statement reads
}

// names collects the common table expressions: {"cte_map": {"map": [{"key": name, …}]}}.
func (c *checker) names(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			c.names(child)
		}
	case map[string]any:
		if ctes, ok := node["cte_map"].(map[string]any); ok {
			entries, _ := ctes["map"].([]any)
			for _, entry := range entries {
				if entry, ok := entry.(map[string]any); ok {
					c.known[strings.ToLower(text(entry, "key"))] = true
				}
			}
		}
		if text(node, "type") == "RECURSIVE_CTE_NODE" {
			c.known[strings.ToLower(text(node, "cte_name"))] = true
		}
		for _, child := range node {
			c.names(child)
		}
	}
}

func (c *checker) walk(node any) error {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			if err := c.walk(child); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := c.node(node); err != nil {
			return err
		}
		for _, child := range node {
			if err := c.walk(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) node(node map[string]any) error {
	switch text(node, "type") {
	case "BASE_TABLE":
		return c.table(node)
	case "TABLE_FUNCTION":
		function, _ := node["function"].(map[string]any)
		name := strings.ToLower(text(function, "function_name"))
		if !slices.Contains(tableFunctions, name) {
			return c.refuse(function, "The table function %s is not available.", name)
		}
	case "SHOW_REF":
		if node["query"] == nil {
			return c.refuse(node, "SHOW is not available.")
		}
	}
	if name := strings.ToLower(text(node, "function_name")); name != "" {
		schema := strings.ToLower(text(node, "schema"))
		withheld := slices.Contains(withheldFunctions, name) || slices.ContainsFunc(withheldPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix) && name != "pg_typeof"
		})
		if (name == "format" || name == "printf") && !modestFormat(node) {
			return c.refuse(node, "The first argument of %s must be a constant whose widths have at most three digits.", name)
		}
		if withheld || text(node, "catalog") != "" || schema != "" && schema != "main" {
			return c.refuse(node, "The function %s is not available.", name)
		}
	}
	return nil
}

// immodest matches formats whose width is large or comes from an argument.
var immodest = regexp.MustCompile(`[0-9]{4}|\*|\{[^}]*\{`)

// modestFormat reports whether the format of format() or printf() is a constant that cannot produce gigabytes.
func modestFormat(call map[string]any) bool {
	arguments, _ := call["children"].([]any)
	if len(arguments) == 0 {
		return true
	}
	first, _ := arguments[0].(map[string]any)
	constant, _ := first["value"].(map[string]any)
	format, ok := constant["value"].(string)
	return ok && text(first, "type") == "VALUE_CONSTANT" && !immodest.MatchString(format)
}

func (c *checker) table(node map[string]any) error {
	name, schema := text(node, "table_name"), text(node, "schema_name")
	if text(node, "catalog_name") == "" && (schema == "" || strings.EqualFold(schema, "main")) && c.known[strings.ToLower(name)] {
		c.read[strings.ToLower(name)] = true
		return nil
	}
	return &Error{Reason: UnknownTable, Table: name, Detail: fmt.Sprintf("There is no table %s.", fault.Excerpt(name)), Position: c.position(node)}
}

func (c *checker) refuse(node map[string]any, format string, args ...any) error {
	return &Error{Reason: NotAllowed, Detail: fmt.Sprintf(format, args...), Position: c.position(node)}
}

func (c *checker) position(node map[string]any) int {
	offset, _ := node["query_location"].(json.Number)
	return character(c.sql, offset.String())
}

func text(node map[string]any, key string) string {
	s, _ := node[key].(string)
	return s
}
