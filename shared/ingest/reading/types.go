package reading

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// types maps the type names that a schema may use, in upper case, to SQL types.
var types = map[string]string{
	"TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INTEGER": "INTEGER", "INT": "INTEGER", "BIGINT": "BIGINT",
	"LONG": "BIGINT", "HUGEINT": "DECIMAL(38,0)", "FLOAT": "DOUBLE", "REAL": "FLOAT", "DOUBLE": "DOUBLE", "NUMBER": "DOUBLE",
	"BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "DATETIME": "TIMESTAMP",
	"TIMESTAMP": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
	"UUID": "UUID", "JSON": "JSON", "VARCHAR": "VARCHAR", "TEXT": "VARCHAR", "STRING": "VARCHAR",
}

var decimalType = regexp.MustCompile(`^(?:DECIMAL|NUMERIC) ?\( ?([0-9]{1,2}) ?, ?([0-9]{1,2}) ?\)$`)

// SQLType returns the SQL type for a declared type's name.
func SQLType(name string) (string, bool) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if m := decimalType.FindStringSubmatch(name); m != nil {
		width, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("DECIMAL(%d,%d)", width, scale), width >= 1 && width <= 38 && scale <= width
	}
	sqlType, ok := types[name]
	return sqlType, ok
}
