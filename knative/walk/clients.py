"""Reads the newest version of a data set with the tools that people use, and prints each tool's rows as a line of JSON.
Then Spark and Dask append rows to the data set "imports".

usage: clients.py PLATFORM TOKEN DATASET S3_CREDENTIALS COLUMN... (clients.go runs it)
"""

import decimal
import io
import json
import sys

import boto3
import dask.dataframe
import duckdb
import pandas
import pyarrow.parquet
import s3fs
from pyiceberg.catalog import load_catalog
from pyspark.sql import SparkSession

url, token, dataset, credentials, *columns = sys.argv[1:]
s3 = json.loads(credentials)
key, secret, session = s3["access_key_id"], s3["secret_access_key"], s3["session_token"]
host = url.removeprefix("http://")
folder = f"{dataset}/latest/"


def tell(tool, rows):
    rows = sorted([float(v) if isinstance(v, decimal.Decimal) else v for v in row] for row in rows)
    print(json.dumps({"tool": tool, "rows": rows}), flush=True)


def frame_rows(frame):
    return frame[columns].astype(object).values.tolist()


client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=session)
names = [o["Key"] for o in client.list_objects_v2(Bucket=dataset, Prefix="latest/")["Contents"] if o["Key"].endswith(".parquet")]
tables = [pyarrow.parquet.read_table(io.BytesIO(client.get_object(Bucket=dataset, Key=name)["Body"].read())) for name in names]
tell("AWS SDK", [row for t in tables for row in zip(*(t.column(c).to_pylist() for c in columns))])

options = {"key": key, "secret": secret, "token": session, "endpoint_url": url}
tell("pandas", frame_rows(pandas.concat(pandas.read_parquet(f"s3://{dataset}/{name}", storage_options=options) for name in names)))

catalog = load_catalog("platform", type="rest", uri=url + "/iceberg", token=token)
tell("pyiceberg", frame_rows(catalog.load_table(("datasets", dataset)).scan().to_pandas()))

db = duckdb.connect()
for extension in ("avro", "httpfs", "iceberg"):
    module = __import__("duckdb_extension_" + extension)
    db.load_extension(f"{module.__path__[0]}/extensions/v{duckdb.__version__}/{extension}.duckdb_extension")
selected = ", ".join(f'"{c}"' for c in columns)
db.execute(f"CREATE SECRET s3 (TYPE s3, KEY_ID '{key}', SECRET '{secret}', SESSION_TOKEN '{session}', REGION 'us-east-1', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)")
tell("DuckDB", db.sql(f"SELECT {selected} FROM 's3://{folder}*.parquet'").fetchall())
db.execute("DROP SECRET s3")
db.execute(f"CREATE SECRET platform (TYPE iceberg, TOKEN '{token}')")
db.execute(f"ATTACH '' AS platform (TYPE iceberg, ENDPOINT '{url}/iceberg', SECRET platform)")
tell("DuckDB with Iceberg", db.sql(f'SELECT {selected} FROM platform.datasets."{dataset}"').fetchall())

spark = SparkSession.builder.master("local[1]")
for name, value in {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.jars.packages": "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0,org.apache.iceberg:iceberg-aws-bundle:1.10.0,"
    "org.apache.hadoop:hadoop-aws:3.4.1,software.amazon.awssdk:s3-transfer-manager:2.29.52",
    "spark.jars.excludes": "software.amazon.awssdk:bundle,org.slf4j:slf4j-api",  # in the bundle above, and in Spark
    "spark.sql.catalog.platform": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.platform.type": "rest",
    "spark.sql.catalog.platform.uri": url + "/iceberg",
    "spark.sql.catalog.platform.rest.auth.type": "oauth2",
    "spark.sql.catalog.platform.token": token,
    "spark.sql.catalog.platform.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    "spark.sql.catalog.platform.client.region": "us-east-1",
    "spark.hadoop.fs.s3a.endpoint": url,
    "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
    "spark.hadoop.fs.s3a.access.key": key,
    "spark.hadoop.fs.s3a.secret.key": secret,
    "spark.hadoop.fs.s3a.session.token": session,
}.items():
    spark = spark.config(name, value)
spark = spark.getOrCreate()
tell("Spark with Iceberg", spark.table("platform.datasets." + dataset).select(*columns).collect())
tell("Spark", spark.read.parquet(f"s3a://{folder}").select(*columns).collect())

spark.createDataFrame([(i, "Spark") for i in range(1, 5)], ["id", "tool"]).repartition(2).write.mode("append").parquet("s3a://imports/append/spark/")

numbers = pandas.DataFrame({"id": [5, 6, 7], "tool": "Dask"})
dask.dataframe.from_pandas(numbers, npartitions=2).to_parquet("s3://imports/append/dask/", write_index=False, storage_options=options)
s3fs.S3FileSystem(**options).touch("imports/append/dask/_SUCCESS")
