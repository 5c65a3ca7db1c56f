"""Reads and writes data set "sales" by S3 with the clients that people use. clients_test.go runs it."""

import os
import sys

import boto3
import botocore.config
import botocore.exceptions
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import s3fs

endpoint = os.environ["S3_ENDPOINT"]
key, secret, token = os.environ["S3_KEY"], os.environ["S3_SECRET"], os.environ["S3_TOKEN"]
want = [(1, "EU", 10), (2, "US", 20), (3, "EU", 30)]


def rows(table):
    return sorted(tuple(row.values()) for row in table)


def check(client, got):
    assert got == want, f"{client}: {got}, want {want}"
    print(client, "reads", len(got), "rows")


s3 = boto3.client(
    "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
    config=botocore.config.Config(retries={"max_attempts": 1}),
)
names = [o["Key"] for o in s3.list_objects_v2(Bucket="sales", Prefix="latest/")["Contents"]]
assert names == ["latest/_source/file.csv", "latest/part-00000.parquet", "latest/part-00001.parquet"], names
for name in names[1:]:
    s3.download_file("sales", name, os.path.join(sys.argv[1], os.path.basename(name)))
check("boto3", rows(r for n in names[1:] for r in pyarrow.parquet.read_table(os.path.join(sys.argv[1], os.path.basename(n))).to_pylist()))

options = {"key": key, "secret": secret, "token": token, "endpoint_url": endpoint}
frame = pandas.concat([pandas.read_parquet("s3://sales/" + n, storage_options=options) for n in names[1:]])
check("pandas", sorted(tuple(r) for r in frame.astype(object).values.tolist()))
check("s3fs", rows(r for n in s3fs.S3FileSystem(**options).glob("sales/latest/*.parquet") for r in pandas.read_parquet("s3://" + n, storage_options=options).to_dict("records")))

store = {
    "aws_endpoint_url": endpoint, "aws_allow_http": "true", "aws_region": "us-east-1", "aws_access_key_id": key, "aws_secret_access_key": secret,
    "aws_session_token": token,
}
check("polars", sorted(polars.scan_parquet("s3://sales/latest/*.parquet", storage_options=store).collect().rows()))

fs = pyarrow.fs.S3FileSystem(access_key=key, secret_key=secret, session_token=token, endpoint_override=endpoint.removeprefix("http://"), scheme="http", region="us-east-1")
check("pyarrow", rows(pyarrow.dataset.dataset("sales/latest/", filesystem=fs, format="parquet").to_table().to_pylist()))

db = duckdb.connect(config={"allow_unsigned_extensions": "false"})
try:
    import duckdb_extension_httpfs

    path = next(os.path.join(d, f) for d, _, fs_ in os.walk(os.path.dirname(duckdb_extension_httpfs.__file__)) for f in fs_ if f.endswith("httpfs.duckdb_extension"))
    db.load_extension(path)
except ImportError:
    db.install_extension("httpfs")
    db.load_extension("httpfs")
db.execute(
    f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', SESSION_TOKEN '{token}', ENDPOINT '{endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')"
)
check("duckdb", sorted(db.sql("SELECT * FROM 's3://sales/latest/*.parquet'").fetchall()))


def written(client, version):
    """Tells the test that a version was written, which then prepares it."""
    print("written", client, flush=True)
    sys.stdin.readline()
    got = sorted(db.sql(f"SELECT * FROM 's3://sales/{version}/*.parquet'").fetchall())
    check(client + "'s version", got)


content = pandas.DataFrame(want, columns=["id", "region", "amount"])
local = os.path.join(sys.argv[1], "written.parquet")
content.to_parquet(local)
s3.upload_file(local, "sales", "latest/boto3.parquet")
written("boto3", 3)
content.to_parquet("s3://sales/latest/pandas.parquet", storage_options=options)
written("pandas", 4)
polars.from_pandas(content).write_parquet("s3://sales/latest/polars.parquet", storage_options=store)
written("polars", 5)
pyarrow.parquet.write_table(pyarrow.Table.from_pandas(content, preserve_index=False), "sales/latest/pyarrow.parquet", filesystem=fs)
written("pyarrow", 6)
db.sql("SELECT * FROM 's3://sales/6/*.parquet'").write_parquet("s3://sales/latest/duckdb.parquet")
written("duckdb", 7)

try:
    s3.delete_object(Bucket="sales", Key="latest/part-00000.parquet")
    sys.exit("a part was deleted")
except botocore.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
