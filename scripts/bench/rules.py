"""Evaluates the benchmark's fifty rules with Great Expectations (on pandas) or Soda (on DuckDB), and prints the seconds that it took."""
import os, sys, time

os.environ.update(GX_ANALYTICS_ENABLED="false", SODA_NO_TELEMETRY="1")
tool, path = sys.argv[1:]
values = list(range(20))
out, sys.stdout = sys.stdout, sys.stderr

if tool == "Soda":
    import duckdb
    from soda.scan import Scan

    db = duckdb.connect()
    db.execute(f"SET threads = 2; CREATE VIEW ruled AS SELECT * FROM read_parquet('{path}')")
    checks = ["duplicate_count(id) = 0", "duplicate_count(code) = 0"]
    for i in range(10):
        checks += [f"missing_count(n{i}) = 0",
                   f"invalid_count(n{i}) = 0:\n      valid min: 0\n      valid max: 100000",
                   f"invalid_count(t{i}) = 0:\n      valid length: 12",
                   f"invalid_count(t{i}) = 0:\n      valid regex: '^[0-9a-f]+$'"]
        if i < 8:
            checks.append(f"invalid_count(s{i}) = 0:\n      valid values: {values}")
    scan = Scan()
    scan.disable_telemetry()
    scan.add_duckdb_connection(db)
    scan.set_data_source_name("duckdb")
    scan.add_sodacl_yaml_str("checks for ruled:\n" + "".join(f"  - {c}\n" for c in checks))
    began = time.time()
    code = scan.execute()
    took = time.time() - began
    assert code == 0 and len(scan._checks) == len(checks), scan.get_logs_text()
else:
    import great_expectations as gx, pandas as pd
    import great_expectations.expectations as e

    context = gx.get_context(mode="ephemeral")
    suite = [e.ExpectColumnValuesToBeUnique(column=c) for c in ("id", "code")]
    for i in range(10):
        suite += [e.ExpectColumnValuesToNotBeNull(column=f"n{i}"), e.ExpectColumnValuesToBeBetween(column=f"n{i}", min_value=0, max_value=100000),
                  e.ExpectColumnValueLengthsToEqual(column=f"t{i}", value=12), e.ExpectColumnValuesToMatchRegex(column=f"t{i}", regex="^[0-9a-f]+$")]
        if i < 8:
            suite.append(e.ExpectColumnValuesToBeInSet(column=f"s{i}", value_set=values))
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("ruled")
    began = time.time()
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.read_parquet(path)})
    result = batch.validate(gx.ExpectationSuite("rules", expectations=suite), result_format="BOOLEAN_ONLY")
    took = time.time() - began
    assert result.success and len(result.results) == len(suite), result

print(took, file=out)
