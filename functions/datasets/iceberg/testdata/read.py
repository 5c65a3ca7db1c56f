# Reads tables of the catalogue with pyiceberg and with DuckDB, and compares the rows with the platform's downloads.
#
# usage: read.py CATALOG TOKEN S3_HOST DATASET_ID...
import io
import sys
import urllib.request

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import load_catalog

url, token, s3, *tables = sys.argv[1:]


def download(dataset, version):
    request = urllib.request.Request(f"{url}/v1/datasets/{dataset}/download?format=parquet&version={version}", headers={"Authorization": "Bearer " + token})
    return pq.read_table(io.BytesIO(urllib.request.urlopen(request).read()))


def plain(value):
    """Values in a form that does not depend on the reader."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and value != value:
        return "NaN"
    return str(value) if type(value).__name__ == "UUID" else value


def rows(table, columns=None):
    names = sorted(columns or table.column_names)
    decoded = [[plain(uuid(v)) for v in table.column(name).to_pylist()] for name in names]
    return names, sorted(zip(*decoded), key=repr)


def uuid(value):
    import uuid

    return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) and len(value) == 16 else value


def compare(what, got, want):
    if got != want:
        print(f"{what}:\n got  {got}\n want {want}")
        sys.exit(1)


catalog = load_catalog("platform", type="rest", uri=url + "/iceberg", token=token, **{
    "s3.endpoint": "http://" + s3, "s3.access-key-id": "any", "s3.secret-access-key": "any", "s3.region": "us-east-1",
})
compare("namespaces", catalog.list_namespaces(), [("datasets",), ("shared",)])
compare("tables", catalog.list_tables("datasets"), [("datasets", name) for name in sorted(t.split("=")[0] for t in tables)])

db = duckdb.connect()
for extension in ("avro", "httpfs", "iceberg"):
    module = __import__("duckdb_extension_" + extension)
    db.load_extension(f"{module.__path__[0]}/extensions/v{duckdb.__version__}/{extension}.duckdb_extension")
db.execute(f"CREATE SECRET s3 (TYPE s3, KEY_ID 'any', SECRET 'any', ENDPOINT '{s3}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')")
db.execute(f"CREATE SECRET platform (TYPE iceberg, TOKEN '{token}')")
db.execute(f"ATTACH '' AS platform (TYPE iceberg, ENDPOINT '{url}/iceberg', SECRET platform, ACCESS_DELEGATION_MODE 'none')")

for argument in tables:
    name, dataset = argument.split("=")
    table = catalog.load_table(("datasets", name))
    for snapshot in table.snapshots():
        version = snapshot.snapshot_id
        want = rows(download(dataset, version))
        compare(f"pyiceberg: {name} version {version}", rows(table.scan(snapshot_id=version).to_arrow()), want)
        compare(f"DuckDB: {name} version {version}", rows(db.sql(f'SELECT * FROM platform.datasets."{name}" AT (VERSION => {version})').to_arrow_table()), want)
    current = table.current_snapshot().snapshot_id
    want = rows(download(dataset, current))
    compare(f"pyiceberg: {name}", rows(table.scan().to_arrow()), want)
    compare(f"DuckDB: {name}", rows(db.sql(f'SELECT * FROM platform.datasets."{name}"').to_arrow_table()), want)
    for ref, to in table.metadata.refs.items():
        if str(to.snapshot_ref_type) == "tag" or to.snapshot_ref_type == "tag":
            scan = table.scan(snapshot_id=table.snapshot_by_name(ref).snapshot_id)
            compare(f"pyiceberg: {name} tag {ref}", rows(scan.to_arrow()), rows(download(dataset, ref)))
    print(name, "snapshots", [s.snapshot_id for s in table.snapshots()], "fields", [(f.field_id, f.name, str(f.field_type)) for f in table.schema().fields])
