"""Writes the ORC files of this folder. Needs pip install pyorc pyarrow."""
import datetime as dt
import decimal
import os
import zoneinfo

import pyarrow as pa
import pyarrow.orc
import pyorc

os.chdir(os.path.dirname(os.path.abspath(__file__)))
NONE = pyorc.CompressionKind.NONE
D = decimal.Decimal


def write(name, schema, rows, **options):
    options = {"compression": NONE, **options}
    with open(name + ".orc", "wb") as f, pyorc.Writer(f, schema, **options) as w:
        w.writerows(rows)


def one(name, kind, values, **options):
    write(name, f"struct<v:{kind}>", [(v,) for v in values], **options)


one("boolean", "boolean", [True, None, False])
one("tinyint", "tinyint", [-128, 127, None])
one("smallint", "smallint", [-(2**15), 2**15 - 1])
one("int", "int", [-(2**31), 2**31 - 1, 0])
one("bigint", "bigint", [-(2**63), 2**63 - 1, 2**53 + 1])
one("float", "float", [1.5, float("inf"), -0.0])
one("double", "double", [0.1, float("nan"), 1e308])
one("string", "string", ["", "007", "é\u0000日😀", None])
one("dictionary", "string", ["b", "", None, "b", "a"], dict_key_size_threshold=1.0)
one("binary", "binary", [b"", b"\x00\xff"])
one("varchar", "varchar(3)", ["abc", "é"])
one("char", "char(4)", ["ab", "abcd"])
one("decimal", "decimal(10,2)", [D("-1.5"), D("99999999.99"), None])
one("decimal-wide", "decimal(38,10)", [D("-1234567890123456789012345678.0123456789"), D("0"), D("0.0000000001")])
one("date", "date", [dt.date(1, 1, 1), dt.date(1582, 10, 4), dt.date(1582, 10, 15), dt.date(2024, 2, 29)])
at = [dt.datetime(1, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 58, 123000), dt.datetime(1969, 12, 31, 23, 59, 59, 1), dt.datetime(2024, 7, 2, 3, 4, 5, 123456), None]
one("timestamp", "timestamp", [t and t.replace(tzinfo=dt.timezone.utc) for t in at])
new_york = zoneinfo.ZoneInfo("America/New_York")
one("timestamp-zone", "timestamp", [dt.datetime(1969, 12, 31, 23, 59, 59, 123000, new_york), dt.datetime(2024, 7, 2, 3, 4, 5, 123456, new_york), dt.datetime(2024, 1, 2, 3, 4, 5, 0, new_york)], timezone=new_york)
one("timestamp-instant", "timestamp with local time zone", [t and t.replace(tzinfo=dt.timezone.utc) for t in at])
one("list", "array<bigint>", [[1, None], [], None])
one("map", "map<string,array<string>>", [{"a": ["x"], "": []}, {}, None])
one("map-of-ints", "map<int,double>", [{1: 0.5}])
one("struct", "struct<x:int,y:string>", [(1, None), None, (2, "b")])
one("list-of-structs", "array<struct<x:int,tags:array<string>>>", [[(1, ["a", "b"]), (2, [])], []])
one("union", "uniontype<int,string,int>", [1, "1", None])
one("no-rows", "int", [])
write("same-names", "struct<a:int,A:int>", [(1, 2)])
write("root", "bigint", [1, 2])

# Every encoding of integers of version 2: short repeats, direct, deltas, and patched bases.
runs = [7] * 5 + [(i * 7919) % 1000 - 500 for i in range(60)] + list(range(0, 400, 4)) + [10**6 - i * i for i in range(100)] + [i % 10 for i in range(200)] + [2**40] + [i % 10 for i in range(100)] + [3] * 600
one("integers", "bigint", runs)
for codec in ["ZLIB", "SNAPPY", "LZ4", "ZSTD"]:
    one("codec-" + codec.lower(), "string", [chr(97 + i % 26) * 100 for i in range(300)], compression=getattr(pyorc.CompressionKind, codec), compression_block_size=1024, memory_block_size=1024)


def arrow(name, kind, values, **options):
    pa.orc.write_table(pa.table({"v": pa.array(values, kind)}), name + ".orc", **options)


arrow("integers-version-1", pa.int64(), runs, file_version="0.11")
arrow("dictionary-version-1", pa.string(), ["b", "", None, "b", "a"], file_version="0.11", dictionary_key_size_threshold=1.0)
arrow("timestamp-nanoseconds", pa.timestamp("ns"), [1, -1, -1_500_000_000, 1_704_164_645_123_456_789, None])
arrow("timestamp-instant-nanoseconds", pa.timestamp("ns", "UTC"), [1_704_164_645_123_456_789])
one("same-nested-names", "struct<a:int,A:int>", [(1, 2)])
