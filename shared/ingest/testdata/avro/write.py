"""Writes the Avro files of this folder. Needs pip install fastavro polars cramjam lz4 backports.zstd."""
import datetime as dt
import decimal
import io
import os
import uuid

import fastavro
import polars as pl

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def write(name, fields, rows, codec="null", **options):
    schema = fields if isinstance(fields, dict) else {"type": "record", "name": "row", "namespace": "example.org", "fields": fields}
    with open(name + ".avro", "wb") as f:
        fastavro.writer(f, fastavro.parse_schema(schema), rows, codec, sync_marker=b"0123456789abcdef", **options)


def one(name, kind, values, **options):
    write(name, [{"name": "v", "type": kind}], [{"v": v} for v in values], **options)


def logical(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


one("null", "null", [None, None])  # refused: no values
write("null-beside", [{"name": "v", "type": "null"}, {"name": "n", "type": "int"}], [{"v": None, "n": 1}])
one("boolean", "boolean", [True, False])
one("int", "int", [-(2**31), 2**31 - 1, 0])
one("long", "long", [-(2**63), 2**63 - 1, 2**53 + 1])
one("float", "float", [1.5, float("inf"), -0.0])
one("double", "double", [0.1, float("nan"), 1e308])
one("bytes", "bytes", [b"", b"\x00\xff"])
one("string", "string", ["", "007", "é\u0000日😀"])
one("fixed", {"type": "fixed", "name": "f", "size": 3}, [b"abc"])
one("enum", {"type": "enum", "name": "e", "symbols": ["RED", "GREEN"]}, ["GREEN", "RED"])
one("array", {"type": "array", "items": ["null", "long"]}, [[1, None], []])
one("map", {"type": "map", "values": {"type": "array", "items": "string"}}, [{"a": ["x"], "": []}, {}])
one("record", {"type": "record", "name": "point", "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": ["null", "string"]}]}, [{"x": 1, "y": None}, {"x": 2, "y": "b"}])
one("nullable-record", ["null", {"type": "record", "name": "point", "fields": [{"name": "x", "type": ["null", "int"]}]}], [None, {"x": None}, {"x": 3}])
one("array-of-records", {"type": "array", "items": {"type": "record", "name": "point", "fields": [{"name": "x", "type": "int"}, {"name": "tags", "type": {"type": "array", "items": "string"}}]}},
    [[{"x": 1, "tags": ["a", "b"]}, {"x": 2, "tags": []}], []])
one("nullable", ["null", "int"], [None, 0])
one("nullable-last", ["string", "null"], ["", None])
one("union", ["null", "int", "string", {"type": "record", "name": "p", "fields": [{"name": "x", "type": "int"}]}], [1, "1", None, {"x": 2}])
one("union-of-records", [{"type": "record", "name": "a.Event", "fields": [{"name": "x", "type": "int"}]}, {"type": "record", "name": "b.Event", "fields": [{"name": "y", "type": "int"}]}],
    [("a.Event", {"x": 1}), ("b.Event", {"y": 2})])
one("decimal-bytes", logical("bytes", "decimal", precision=38, scale=10), [decimal.Decimal("-1234567890123456789012345678.0123456789"), decimal.Decimal("0E-10"), decimal.Decimal("1E-10")])
one("decimal-fixed", logical("fixed", "decimal", name="d", size=20, precision=10, scale=2), [decimal.Decimal("-1.50"), decimal.Decimal("99999999.99")])
one("decimal-39-digits", logical("bytes", "decimal", precision=39, scale=0), [decimal.Decimal(1)])
one("uuid", logical("string", "uuid"), [uuid.UUID(int=5)])
one("uuid-fixed", logical("fixed", "uuid", name="u", size=16), [uuid.UUID(int=5).bytes])
one("date", logical("int", "date"), [dt.date(1, 1, 1), dt.date(2024, 2, 29)])
one("time-millis", logical("int", "time-millis"), [dt.time(8, 30, 0, 123000)])
one("time-micros", logical("long", "time-micros"), [dt.time(23, 59, 59, 999999)])
for unit in "millis", "micros":
    one("timestamp-" + unit, logical("long", "timestamp-" + unit), [dt.datetime(1969, 12, 31, 23, 59, 59, 123000, dt.timezone.utc)])
    one("local-timestamp-" + unit, logical("long", "local-timestamp-" + unit), [dt.datetime(2024, 1, 2, 3, 4, 5, 123000)])
one("timestamp-nanos-whole", logical("long", "timestamp-nanos"), [1704164645123456000])
one("timestamp-nanos", logical("long", "timestamp-nanos"), [1704164645123456789])
one("local-timestamp-nanos", logical("long", "local-timestamp-nanos"), [1704164645123456789])
one("duration", logical("fixed", "duration", name="d", size=12), [b"\x01\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\xff"])
one("unknown-logical-type", logical("long", "furlongs"), [7])
one("named-twice", {"type": "array", "items": {"type": "enum", "name": "e", "symbols": ["A", "B"]}}, [["A"]])
write("reference", [{"name": "a", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}}, {"name": "b", "type": ["null", "e"]}, {"name": "c", "type": "example.org.e"}], [{"a": "A", "b": None, "c": "B"}])
write("not-records", {"type": "array", "items": "int"}, [[1, 2], []])
write("recursive", [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "example.org.row"]}], [{"v": 1, "next": None}])
one("empty-record", {"type": "record", "name": "nothing", "fields": []}, [{}])
write("same-names", [{"name": "a", "type": "int"}, {"name": "A", "type": "int"}], [{"a": 1, "A": 2}])
one("same-nested-names", {"type": "record", "name": "p", "fields": [{"name": "a", "type": "int"}, {"name": "A", "type": "int"}]}, [{"a": 1, "A": 2}])
one("no-rows", "int", [])
one("map-key", {"type": "map", "values": "int"}, [{"ab": 1, "cd": 2}])
content = open("map-key.avro", "rb").read()
open("map-key-twice.avro", "wb").write(content.replace(b"cd", b"ab"))
os.remove("map-key.avro")
one("out-of-range-timestamp", logical("long", "timestamp-millis"), [2**62])
one("out-of-range-time", logical("long", "time-micros"), [86_400_000_000])
one("not-a-uuid", logical("string", "uuid"), ["{00000000-0000-0000-0000-000000000005}"])
for codec in "deflate", "snappy", "zstandard", "bzip2", "xz", "lz4":
    try:
        one("codec-" + codec, "string", ["a" * 100] * 50, codec=codec, sync_interval=1000)
    except Exception as e:
        print(codec, e)

pl.DataFrame({"n": [1, None], "t": ["é", None], "l": [[1.5], None], "d": [dt.date(2024, 1, 2), None], "at": [dt.datetime(2024, 1, 2, 3, 4, 5, 6), None]}).write_avro("polars.avro", compression="snappy")
