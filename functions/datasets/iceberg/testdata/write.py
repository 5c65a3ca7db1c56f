# Writes tables through the catalogue with pyiceberg, and prints what it reads back as JSON, one line for each step.
#
# usage: write.py CATALOG TOKEN S3_ENDPOINT
import datetime
import json
import sys

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

url, token, s3 = sys.argv[1:]
catalog = load_catalog("platform", type="rest", uri=url + "/iceberg", token=token, **{"s3.endpoint": s3})


def tell(step, value):
    print(json.dumps({"step": step, "value": value}, default=str), flush=True)


def refused(step, errors, action):
    try:
        action()
        tell(step, "accepted")
    except errors as e:
        tell(step, type(e).__name__ + ": " + str(e))


def rows(table):
    return sorted(table.scan().to_arrow().to_pylist(), key=lambda r: r["id"])


def frame(*ids, **more):
    n = len(ids)
    return pa.table({"id": pa.array(ids, pa.int64()), "name": pa.array([f"n{i}" for i in ids], pa.string()), **more})


# An existing table.
sales = catalog.load_table("datasets.sales")
sales.append(frame(2, 3))
tell("append", rows(sales))
tell("snapshot", sales.current_snapshot().snapshot_id == catalog.load_table("datasets.sales").current_snapshot().snapshot_id)
stale = catalog.load_table("datasets.sales")
sales.overwrite(frame(4))
tell("overwrite", rows(sales))
tell("travel", [len(sales.scan(snapshot_id=s.snapshot_id).to_arrow()) for s in sales.snapshots()])
stale.append(frame(5))  # is refused, and repeated by pyiceberg with the newer version
tell("stale", rows(catalog.load_table("datasets.sales")))
refused("delete", Exception, lambda: catalog.load_table("datasets.sales").delete("id = 4"))
tell("kept", rows(catalog.load_table("datasets.sales")))

# A new one.
everything = pa.table({
    "id": pa.array([1, 2], pa.int32()),
    "big": pa.array([2**63 - 1, None], pa.int64()),
    "flag": pa.array([True, None]),
    "real": pa.array([1.5, None], pa.float32()),
    "price": pa.array([None, "0.10"]).cast(pa.decimal128(10, 2)),
    "day": pa.array([datetime.date(2024, 2, 29), None]),
    "at": pa.array([datetime.datetime(2024, 2, 29, 12, 0, 0, 1), None], pa.timestamp("us")),
    "zoned": pa.array([datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc), None], pa.timestamp("us", tz="UTC")),
    "clock": pa.array([datetime.time(23, 59, 59, 999999), None], pa.time64("us")),
    "raw": pa.array([b"\x00\xff", None], pa.binary()),
    "tags": pa.array([["a", None], None], pa.list_(pa.string())),
    "place": pa.array([{"x": 1, "y": None}, None], pa.struct([("x", pa.int32()), ("y", pa.string())])),
    "scores": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
})
made = catalog.create_table("datasets.made", everything.schema, properties={"owner": "me"})
tell("empty", [len(made.scan().to_arrow()), made.properties, [f.name for f in made.schema().fields]])
refused("exists", TableAlreadyExistsError, lambda: catalog.create_table("datasets.made", everything.schema))
made.append(everything)
got = catalog.load_table("datasets.made")
tell("types", [str(f.field_type) for f in got.schema().fields] == [str(f.field_type) for f in made.schema().fields])
tell("values", got.scan().to_arrow().sort_by("id").cast(everything.schema).equals(everything) or got.scan().to_arrow().to_pylist())
with catalog.create_table_transaction("datasets.staged", everything.schema) as transaction:
    transaction.append(everything)
tell("staged", len(catalog.load_table("datasets.staged").scan().to_arrow()))
with got.transaction() as transaction:
    transaction.set_properties(owner="you")
tell("properties", catalog.load_table("datasets.made").properties)
catalog.drop_table("datasets.made")
refused("dropped", NoSuchTableError, lambda: catalog.load_table("datasets.made"))
