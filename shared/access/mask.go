package access

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
)

// outOfResources reports whether an error says nothing about the policy.
func outOfResources(e *duckdb.Error) bool {
	switch e.Type {
	case duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeIO, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInterrupt:
		return true
	}
	return false
}

// sqlType returns the type of a masked column.
func (m Mask) sqlType(original string) string {
	if m.With == Hash || m.With == Partial {
		return "VARCHAR"
	}
	return original
}

// Check returns a sentence that says why the mask cannot be applied to a column of a type, or "".
func (m Mask) Check(sqlType string) string {
	_, err := m.expression("x", sqlType, make([]byte, MaskKeySize))
	if err != nil {
		return err.Error()
	}
	return ""
}

// expression returns the masked value of a column in SQL.
func (m Mask) expression(column, sqlType string, key []byte) (string, error) {
	text := "CAST(" + column + " AS VARCHAR)"
	switch m.With {
	case Null:
		return fmt.Sprintf("CAST(NULL AS %s)", sqlType), nil
	case Hash:
		if len(key) != MaskKeySize {
			return "", fmt.Errorf("the key of hashes is missing")
		}
		return hmac(key, text), nil
	case Partial:
		// A value that is no longer than what is kept is hidden as a whole.
		return fmt.Sprintf("CASE WHEN length(%[1]s) > %[2]d THEN left(%[1]s, %[3]d) || repeat('*', length(%[1]s) - %[2]d) || right(%[1]s, %[4]d) ELSE repeat('*', length(%[1]s)) END",
			text, m.KeepFirst+m.KeepLast, m.KeepFirst, m.KeepLast), nil
	case Generalize:
		return m.generalized(column, sqlType)
	}
	return "", fmt.Errorf("there is no mask %q", m.With)
}

var (
	integers = strings.Fields("TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT")
	moments  = []string{"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
)

func (m Mask) generalized(column, sqlType string) (string, error) {
	number := slices.Contains(integers, sqlType) || sqlType == "FLOAT" || sqlType == "DOUBLE" || strings.HasPrefix(sqlType, "DECIMAL(")
	switch {
	case sqlType == "VARCHAR" && m.KeepFirst > 0:
		return fmt.Sprintf("left(%s, %d)", column, m.KeepFirst), nil
	case sqlType == "VARCHAR":
		return "", fmt.Errorf("set keep_first to generalize a text")
	case number && (m.Step == nil || strings.Trim(*m.Step, "0.") == ""):
		return "", fmt.Errorf("set step to generalize a number")
	case slices.Contains(integers, sqlType) && strings.Contains(*m.Step, "."):
		return "", fmt.Errorf("the step of a column of whole numbers must be a whole number")
	case sqlType == "FLOAT" || sqlType == "DOUBLE":
		return fmt.Sprintf("CAST(floor(%[1]s / %[2]s::DOUBLE) * %[2]s::DOUBLE AS %[3]s)", column, *m.Step, sqlType), nil
	case number: // the remainder of a negative number is negative
		return fmt.Sprintf("TRY_CAST(%[1]s - ((%[1]s %% %[2]s) + %[2]s) %% %[2]s AS %[3]s)", column, *m.Step, sqlType), nil
	case slices.Contains(moments, sqlType) && m.Period != "":
		return fmt.Sprintf("CAST(date_trunc('%s', %s) AS %s)", m.Period, column, sqlType), nil
	case slices.Contains(moments, sqlType):
		return "", fmt.Errorf("set period to generalize a date or a time")
	}
	return "", fmt.Errorf("a column of the type %s cannot be generalized: use null, hash or partial", sqlType)
}

// hmac returns the first 32 hexadecimal digits of an HMAC-SHA-256 (RFC 2104) of a text in SQL.
func hmac(key []byte, text string) string {
	pad := func(with byte) string {
		block := append(bytes.Clone(key), make([]byte, 64-len(key))...)
		for i := range block {
			block[i] ^= with
		}
		return "unhex(" + engine.Literal(hex.EncodeToString(block)) + ")"
	}
	return fmt.Sprintf("left(sha256(%s || unhex(sha256(%s || encode(%s)))), 32)", pad(0x5c), pad(0x36), text)
}
