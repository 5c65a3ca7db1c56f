package iceberg_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/platformtest"
)

// supportedTypes selects rows with every type that Iceberg has.
const supportedTypes = `SELECT * FROM (VALUES
	(1, true, '-128'::TINYINT, '-32768'::SMALLINT, '-9223372036854775808'::BIGINT, 255::UTINYINT, 65535::USMALLINT,
	 1.5::FLOAT, 5e-324::DOUBLE, 1.10::DECIMAL(4,2), '0.000000000000000001'::DECIMAL(18,18), '-99999999999999999999999999999999999999'::DECIMAL(38,0),
	 'grüß "Gott", 🙂;', '\x00\xFF\x22'::BLOB, '01234567-89ab-cdef-0123-456789abcdef'::UUID, DATE '1582-10-10', TIME '23:59:59.999999',
	 TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '2024-02-29 12:00:00.000001+00',
	 [1, NULL, 3]::BIGINT[], {'a': 1.5::DECIMAL(5,2), 'b': ['x', NULL, ''], 'c_d': {'e': DATE '2024-01-01'}}, MAP {'k': 1, '': NULL}, 'odd', '{"a":[1,1.10,null],"ü":"x"}'::JSON),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, 'inf'::FLOAT, 'NaN'::DOUBLE, NULL, NULL, NULL, '', ''::BLOB, NULL, NULL, NULL, NULL, NULL,
	 [], {'a': NULL, 'b': [], 'c_d': NULL}, MAP {}, NULL, NULL),
	(3, false, 127, 32767, 9223372036854775807, 0, 0, 0, 1.7976931348623157e308, -99.99, -0.5, 0, ' ', '\x00'::BLOB, 'ffffffff-ffff-ffff-ffff-ffffffffffff',
	 DATE '9999-12-31', TIME '00:00:00', TIMESTAMP '9999-12-31 23:59:59', TIMESTAMPTZ '1900-01-01 00:00:00+00', NULL, NULL, NULL, 'x', '[]')
) AS t(id, boolean, tinyint, smallint, bigint, utinyint, usmallint, "float", "double", short, fraction, wide,
	"varchar", "blob", "uuid", "date", "time", "timestamp", "timestamptz", list, struct, map, "an odd, ""näme""", "json")`

// TestClients_EveryVersion_HasTheRowsOfItsDownload reads with pyiceberg and DuckDB. scripts/setup.sh --test installs them.
func TestClients_EveryVersion_HasTheRowsOfItsDownload(t *testing.T) {
	t.Parallel()
	python := platformtest.Python(t)
	c := open(t)
	types := c.dataset(t, "types")
	c.add(t, types, "a.parquet", datasetstest.Parquet(t, supportedTypes))

	evolved := c.dataset(t, "evolved", "a,b\n1,x\n2,\n")
	c.Do(c.Token, http.MethodPut, "/v1/datasets/"+evolved.String()+"/tags/first", map[string]any{"version": 1}).Want(t, http.StatusOK)
	c.add(t, evolved, "b.csv?operation=append", "a,b\n3,y\n")
	c.add(t, evolved, "c.csv?operation=delete&key=a", "a\n1\n")
	c.add(t, evolved, "d.parquet", datasetstest.Parquet(t, "SELECT 9007199254740993::BIGINT AS a, DATE '2024-01-01' AS b, [1] AS c"))
	c.add(t, evolved, "e.parquet", datasetstest.Parquet(t, "SELECT 7::SMALLINT AS a, [2] AS c, 1.5 AS d"))

	widened := c.dataset(t, "widened")
	c.add(t, widened, "a.parquet", datasetstest.Parquet(t, "SELECT 1::INTEGER AS i, 1.5::FLOAT AS f, 1.25::DECIMAL(4,2) AS d, {'m': 1::INTEGER} AS s"))
	c.add(t, widened, "b.parquet", datasetstest.Parquet(t, "SELECT 9007199254740993 AS i, 1e300 AS f, 123456789012345.25::DECIMAL(20,2) AS d, {'m': 9007199254740993, 'n': 'x'} AS s"))
	empty := c.dataset(t, "empty")
	c.add(t, empty, "a.parquet", datasetstest.Parquet(t, "SELECT 1 AS a WHERE false"))

	s3 := strings.TrimPrefix(c.bucket(t), "http://")
	command := exec.CommandContext(t.Context(), python, "testdata/read.py", c.URL, c.Token, s3,
		"types="+types.String(), "evolved="+evolved.String(), "widened="+widened.String(), "empty="+empty.String())
	command.Env = append(os.Environ(), "TZ=UTC", "AWS_EC2_METADATA_DISABLED=true")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
