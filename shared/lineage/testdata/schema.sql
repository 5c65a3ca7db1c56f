CREATE TABLE region AS SELECT i AS r_regionkey, ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'][i + 1] AS r_name, 'comment ' || i AS r_comment FROM range(5) t(i);
CREATE TABLE nation AS SELECT i AS n_nationkey, chr(CAST(65 + i % 26 AS INT)) || 'land' AS n_name, i % 5 AS n_regionkey, 'comment ' || i AS n_comment FROM range(10) t(i);
CREATE TABLE supplier AS SELECT i AS s_suppkey, 'Supplier#' || i AS s_name, 'address ' || i * 3 AS s_address, hash(i, 1) % 10 AS s_nationkey, (10 + hash(i, 2) % 25) || '-' || i AS s_phone,
    CAST(hash(i, 3) % 10000 AS DECIMAL(15,2)) AS s_acctbal, CASE WHEN hash(i, 4) % 4 = 0 THEN 'Customer some Complaints' ELSE 'fine ' || i END AS s_comment FROM range(20) t(i);
CREATE TABLE customer AS SELECT i AS c_custkey, 'Customer#' || i AS c_name, 'address ' || i AS c_address, hash(i, 5) % 10 AS c_nationkey, (10 + hash(i, 6) % 25) || '-' || i AS c_phone,
    CAST(hash(i, 7) % 10000 AS DECIMAL(15,2)) - 1000 AS c_acctbal, ['BUILDING', 'MACHINERY'][CAST(hash(i, 8) % 2 + 1 AS BIGINT)] AS c_mktsegment, 'comment ' || i AS c_comment FROM range(90) t(i);
CREATE TABLE part AS SELECT i AS p_partkey, ['green', 'red', 'blue'][CAST(hash(i, 9) % 3 + 1 AS BIGINT)] || ' ' || ['green', 'white'][CAST(hash(i, 10) % 2 + 1 AS BIGINT)] AS p_name, 'Manufacturer#' || hash(i, 11) % 5 AS p_mfgr,
    'Brand#' || (1 + hash(i, 12) % 5) || (1 + hash(i, 13) % 5) AS p_brand, ['ECONOMY', 'PROMO', 'MEDIUM'][CAST(hash(i, 14) % 3 + 1 AS BIGINT)] || ' ' || ['BRASS', 'STEEL'][CAST(hash(i, 15) % 2 + 1 AS BIGINT)] AS p_type,
    1 + hash(i, 16) % 50 AS p_size, ['SM CASE', 'SM BOX', 'MED BAG', 'MED BOX'][CAST(hash(i, 17) % 4 + 1 AS BIGINT)] AS p_container, CAST(900 + i AS DECIMAL(15,2)) AS p_retailprice, 'comment ' || i AS p_comment FROM range(60) t(i);
CREATE TABLE partsupp AS SELECT p AS ps_partkey, (p + s * 5) % 20 AS ps_suppkey, 1 + hash(p, s, 18) % 100 AS ps_availqty, CAST(1 + hash(p, s, 19) % 1000 AS DECIMAL(15,2)) AS ps_supplycost, 'comment ' || p AS ps_comment FROM range(60) t(p), range(4) u(s);
CREATE TABLE orders AS SELECT i AS o_orderkey, hash(i, 20) % 60 AS o_custkey, ['F', 'O', 'P'][CAST(hash(i, 21) % 3 + 1 AS BIGINT)] AS o_orderstatus, CAST(hash(i, 22) % 100000 AS DECIMAL(15,2)) AS o_totalprice,
    DATE '1992-01-01' + CAST(hash(i, 23) % 2400 AS INT) AS o_orderdate, ['1-URGENT', '2-HIGH', '3-MEDIUM', '5-LOW'][CAST(hash(i, 24) % 4 + 1 AS BIGINT)] AS o_orderpriority, 'Clerk#' || i % 7 AS o_clerk, i % 2 AS o_shippriority,
    CASE WHEN hash(i, 25) % 3 = 0 THEN 'special requests' ELSE 'plain ' || i END AS o_comment FROM range(200) t(i);
CREATE TABLE lineitem AS SELECT i // 4 AS l_orderkey, p AS l_partkey, (p + CAST(hash(i, 27) % 4 AS BIGINT) * 5) % 20 AS l_suppkey, i % 4 AS l_linenumber, 1 + hash(i, 28) % 50 AS l_quantity,
    CAST(100 + hash(i, 29) % 90000 AS DECIMAL(15,2)) AS l_extendedprice, CAST((hash(i, 30) % 11) / 100.0 AS DECIMAL(15,2)) AS l_discount, CAST((hash(i, 31) % 9) / 100.0 AS DECIMAL(15,2)) AS l_tax,
    ['R', 'A', 'N'][CAST(hash(i, 32) % 3 + 1 AS BIGINT)] AS l_returnflag, ['O', 'F'][CAST(hash(i, 33) % 2 + 1 AS BIGINT)] AS l_linestatus, DATE '1992-01-10' + CAST(hash(i, 34) % 2450 AS INT) AS l_shipdate,
    DATE '1992-01-15' + CAST(hash(i, 34) % 2450 AS INT) + CAST(hash(i, 35) % 20 AS INT) AS l_commitdate, DATE '1992-01-15' + CAST(hash(i, 34) % 2450 AS INT) + CAST(hash(i, 36) % 20 AS INT) AS l_receiptdate,
    ['DELIVER IN PERSON', 'NONE'][CAST(hash(i, 37) % 2 + 1 AS BIGINT)] AS l_shipinstruct, ['AIR', 'MAIL', 'SHIP', 'RAIL'][CAST(hash(i, 38) % 4 + 1 AS BIGINT)] AS l_shipmode, 'comment ' || i AS l_comment
    FROM (SELECT i, CAST(hash(i, 26) % 60 AS BIGINT) AS p FROM range(800) t(i));
CREATE TABLE t AS SELECT i AS id, CAST(hash(i, 40) % 7 AS INT) AS a, CAST(hash(i, 41) % 9 AS INT) AS b, ['p', 'q', 'r'][CAST(hash(i, 42) % 3 + 1 AS BIGINT)] AS c, CAST(hash(i, 43) % 100 AS VARCHAR) AS n FROM range(40) r(i);
CREATE TABLE u AS SELECT CAST(hash(i, 44) % 7 AS INT) AS a, CAST(hash(i, 45) % 9 AS INT) AS d, {'x': CAST(hash(i, 46) % 5 AS INT), 'y': 'y' || hash(i, 47) % 5} AS s, [CAST(hash(i, 48) % 4 AS INT), CAST(hash(i, 49) % 6 AS INT)] AS l,
    DATE '2024-01-01' + CAST(hash(i, 50) % 30 AS INT) AS e, '{"k": ' || hash(i, 51) % 5 || '}' AS j FROM range(25) r(i);
