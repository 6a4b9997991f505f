"""psycopg 3 against a server: each test is an application's use of one feature."""

import asyncio
import datetime as dt
import decimal
import ipaddress
import os
import threading
import time
import uuid

import psycopg
import psycopg_pool
from psycopg import pq, sql
from psycopg.rows import dict_row, namedtuple_row, scalar_row
from psycopg.types.json import Json, Jsonb
from psycopg.types.range import Range
from psycopg.types.multirange import Multirange

from harness import Skip, each, environment, equal, main, raises, test

E = psycopg.errors


def connect(**kwargs):
    return psycopg.connect("", **{"autocommit": True, **kwargs})


def one(conn, query, *args, **kwargs):
    return conn.execute(query, *args, **kwargs).fetchone()[0]


def usable(conn):
    equal(conn.execute("SELECT 41 + %s", (1,)).fetchone(), (42,))


# Connecting


@each(
    application_name=dict(application_name="an application"),
    search_path=dict(options="-c search_path=pg_catalog"),
    work_mem=dict(options="-c work_mem=3MB"),
    statement_timeout=dict(options="-c statement_timeout=77s"),
    TimeZone=dict(options="-c timezone=Asia/Tokyo"),
    DateStyle=dict(options="-c datestyle=German"),
    IntervalStyle=dict(options="--intervalstyle=iso_8601"),
    geqo=dict(options="-c geqo=off -c work_mem=2MB"),
    lock_timeout=dict(options=r"-c lock_timeout=5min"),
    backslash=dict(options=r"-c application_name=with\ a\ space"),
)
def connect_option(kwargs):
    want = {"application_name": "an application", "search_path": "pg_catalog", "work_mem": "3MB", "statement_timeout": "77s",
            "timezone": "Asia/Tokyo", "datestyle": "German, DMY", "intervalstyle": "iso_8601", "geqo": "off", "lock_timeout": "5min"}
    with connect(**kwargs) as conn:
        text = kwargs.get("options", "")
        if "with" in text:
            equal(one(conn, "SHOW application_name"), "with a space")
        elif "geqo" in text:
            equal((one(conn, "SHOW geqo"), one(conn, "SHOW work_mem")), ("off", "2MB"))
        else:
            name = next(iter(kwargs)) if not text else text.split("=")[0].replace("-c ", "").strip("-")
            equal(one(conn, f"SHOW {name}"), want[name])
            conn.execute(f"SET {name} TO DEFAULT")
            equal(one(conn, f"SHOW {name}"), want[name])
            conn.execute("RESET ALL")
            equal(one(conn, f"SHOW {name}"), want[name])


@each(unknown="-c no_such_setting=1", value="-c work_mem=nonsense", fixed="-c shared_buffers=1MB", syntax="-x 1")
def connect_option_wrong(options):
    e = raises(psycopg.OperationalError, connect, options=options)
    text = str(e)
    want = {"-c no": "unrecognized configuration parameter", "-c wo": "invalid value for parameter", "-c sh": "cannot be changed",
            "-x 1": "invalid command-line argument"}[options[:5].rstrip() if options.startswith("-c") else options]
    assert want in text, text


@test
def connect_client_encoding():
    with connect(client_encoding="latin1") as conn:
        equal(conn.info.encoding, "iso8859-1")
        equal(one(conn, "SELECT octet_length(convert_to(%s, 'UTF8'))", ("é",)), 2)
        equal(one(conn, "SELECT 'é'::text"), "é")


@test
def connect_parameter_status():
    with connect() as conn:
        for name, want in {"client_encoding": "UTF8", "server_encoding": "UTF8", "standard_conforming_strings": "on",
                           "integer_datetimes": "on", "is_superuser": "off", "session_authorization": os.environ["PGUSER"],
                           "in_hot_standby": "off", "default_transaction_read_only": "off", "IntervalStyle": "postgres"}.items():
            equal((name, conn.info.parameter_status(name)), (name, want))
        equal(conn.info.parameter_status("server_version").split()[0], one(conn, "SHOW server_version").split()[0])
        equal(conn.info.server_version, int(one(conn, "SHOW server_version_num")))


@test
def connect_wrong_password():
    e = raises(psycopg.OperationalError, connect, password="wrong")
    assert f'password authentication failed for user "{os.environ["PGUSER"]}"' in str(e), e


@test
def connect_unknown_user():
    e = raises(psycopg.OperationalError, connect, user="nobody_at_all")
    assert 'password authentication failed for user "nobody_at_all"' in str(e), e


@test
def connect_unknown_database():
    e = raises(psycopg.OperationalError, connect, dbname="no_such_database")
    assert 'database "no_such_database" does not exist' in str(e), e


@each(require=dict(sslmode="require"), prefer=dict(sslmode="prefer"), verify_ca=dict(sslmode="verify-ca"),
      verify_full=dict(sslmode="verify-full"), tls12=dict(sslmode="require", ssl_max_protocol_version="TLSv1.2"),
      tls13=dict(sslmode="require", ssl_min_protocol_version="TLSv1.3"),
      binding=dict(sslmode="require", channel_binding="require"))
def connect_tls(kwargs):
    ca = environment("CONFORMANCE_CA")
    if kwargs["sslmode"].startswith("verify"):
        kwargs = {**kwargs, "sslrootcert": ca, "host": "localhost", "hostaddr": os.environ["PGHOST"]}
    with connect(**kwargs) as conn:
        assert conn.pgconn.ssl_in_use
        usable(conn)


@test
def connect_disable():
    with connect(sslmode="disable") as conn:
        assert not conn.pgconn.ssl_in_use


@test
def connect_unix_socket():
    with connect(host=environment("CONFORMANCE_SOCKET")) as conn:
        usable(conn)
        equal(conn.info.host, os.environ["CONFORMANCE_SOCKET"])


@test
def connect_uri():
    host, port = os.environ["PGHOST"], os.environ["PGPORT"]
    with psycopg.connect(f"postgresql://{host}:{port}/?application_name=by%20uri&options=-c%20work_mem%3D1MB") as conn:
        equal((one(conn, "SHOW application_name"), one(conn, "SHOW work_mem")), ("by uri", "1MB"))


@test
def connect_target_session_attrs():
    for attrs in ("any", "read-write", "primary", "prefer-standby"):
        with connect(target_session_attrs=attrs) as conn:
            usable(conn)
    raises(psycopg.OperationalError, connect, target_session_attrs="standby")


@test
def connect_backend_pid():
    with connect() as a, connect() as b:
        assert a.info.backend_pid != b.info.backend_pid
        assert a.info.backend_pid > 0


@test
def connect_backend_pid_is_pg_backend_pid():
    with connect() as conn:
        equal(one(conn, "SELECT pg_backend_pid()"), conn.info.backend_pid)


@test
def connect_repeatedly():
    for i in range(100):
        with connect(application_name=f"a{i % 3}") as conn:
            equal(one(conn, "SHOW application_name"), f"a{i % 3}")


@test
def connect_leaves_nothing():
    for _ in range(5):
        conn = connect()
        equal(one(conn, "SELECT count(*) FROM pg_prepared_statements"), 0)
        equal(one(conn, "SHOW work_mem"), "4MB")
        equal(one(conn, "SELECT to_regclass('pg_temp.mine')"), None)
        equal(one(conn, "SELECT count(*) FROM pg_listening_channels()"), 0)
        conn.execute("SELECT pg_advisory_lock(4711)")
        conn.execute("SET work_mem = '1MB'; CREATE TEMP TABLE mine (n int); LISTEN x; PREPARE p AS SELECT 1")
        conn.execute("BEGIN; CREATE TABLE leaves_nothing (n int)")
        conn.pgconn.finish()


@test
def connect_protocol_in_transaction_ends_it():
    conn = connect()
    conn.execute("DROP TABLE IF EXISTS lost")
    conn.execute("BEGIN")
    conn.execute("CREATE TABLE lost (n int)")
    conn.pgconn.finish()
    with connect() as other:
        for _ in range(100):
            if one(other, "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation > 16384") == 0:
                break
            time.sleep(0.05)
        equal(one(other, "SELECT to_regclass('lost')"), None)


# Queries and types


@test
def query_simple_several():
    with connect() as conn:
        cur = conn.execute("SELECT 1; SELECT 2, 3; SELECT 4 WHERE false")
        seen = [cur.fetchall()]
        while cur.nextset():
            seen.append(cur.fetchall())
        equal(seen, [[(1,)], [(2, 3)], []])
        raises(E.SyntaxError, conn.execute, "SELECT %s; SELECT 2", (1,))
        usable(conn)


@test
def query_simple_several_error():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE t (n int)")
        raises(E.DivisionByZero, conn.execute, "INSERT INTO t VALUES (1); SELECT 1/0; INSERT INTO t VALUES (2)")
        equal(one(conn, "SELECT count(*) FROM t"), 0)
        raises(E.DivisionByZero, conn.execute, "BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1/0")
        equal(one(conn, "SELECT count(*) FROM t"), 1)


@test
def query_empty():
    with connect() as conn:
        for text in ("", ";", "-- nothing", ";;"):
            cur = conn.execute(text)
            equal(cur.pgresult.status, pq.ExecStatus.EMPTY_QUERY)
        equal(conn.pgconn.exec_params(b"", []).status, pq.ExecStatus.EMPTY_QUERY)
        usable(conn)


@test
def query_status_messages():
    with connect() as conn:
        for text, want in [("CREATE TEMP TABLE t (n int)", "CREATE TABLE"), ("INSERT INTO t SELECT generate_series(1,10)", "INSERT 0 10"),
                           ("UPDATE t SET n = n WHERE n > 5", "UPDATE 5"), ("DELETE FROM t WHERE n < 3", "DELETE 2"),
                           ("SELECT * FROM t", "SELECT 8"), ("VALUES (1)", "SELECT 1"), ("TABLE t", "SELECT 8"), ("SHOW work_mem", "SHOW"),
                           ("EXPLAIN SELECT 1", "EXPLAIN"), ("TRUNCATE t", "TRUNCATE TABLE"), ("DROP TABLE t", "DROP TABLE"),
                           ("DO $$ BEGIN END $$", "DO"), ("SELECT 1 AS n INTO TEMP u", "SELECT 1"), ("CREATE TEMP TABLE v AS SELECT 1", "SELECT 1")]:
            equal((text, conn.execute(text).statusmessage), (text, want))


DAY = dt.date(2024, 2, 29)
TZ = dt.timezone.utc
VALUES = {
    "int2": ("int2", [0, 1, -32768, 32767, None]),
    "int4": ("int4", [0, -2**31, 2**31 - 1, None]),
    "int8": ("int8", [0, -2**63, 2**63 - 1, None]),
    "bool": ("bool", [True, False, None]),
    "float4": ("float4", [0.0, 1.5, -2.25, float("inf")]),
    "float8": ("float8", [0.1, 1e308, 5e-324, float("-inf"), None]),
    "numeric": ("numeric", [decimal.Decimal(s) for s in ("0", "1.10", "-0.0000001", "1e100", "12345678901234567890.123456789")] + [None]),
    "text": ("text", ["", "a", "it's \\ \"q\" %s $1", "ä€😀\n\t", "x" * 100000, None]),
    "varchar": ("varchar", ["", "abc", "é" * 300]),
    "char": ("char(3)", ["abc", "äöü"]),
    "bytea": ("bytea", [b"", b"\x00\x01\xff", bytes(range(256)) * 100, None]),
    "date": ("date", [DAY, dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    "time": ("time", [dt.time(0), dt.time(23, 59, 59, 999999)]),
    "timetz": ("timetz", [dt.time(1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))]),
    "timestamp": ("timestamp", [dt.datetime(2000, 1, 1), dt.datetime(1969, 7, 20, 20, 17, 40, 123456), None]),
    "timestamptz": ("timestamptz", [dt.datetime(2000, 1, 1, tzinfo=TZ), dt.datetime(1900, 1, 1, 12, tzinfo=TZ), None]),
    "interval": ("interval", [dt.timedelta(0), dt.timedelta(days=-3, seconds=5, microseconds=7), None]),
    "uuid": ("uuid", [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678")]),
    "json": ("json", [Json({"a": [1, 2, {"b": None}], "ä": "é"})]),
    "jsonb": ("jsonb", [Jsonb({"a": [1, 2.5, {"b": None}], "ä": "é"}), Jsonb([]), Jsonb("s")]),
    "inet": ("inet", [ipaddress.ip_interface("10.1.2.3/24"), ipaddress.ip_address("::1")]),
    "cidr": ("cidr", [ipaddress.ip_network("10.1.0.0/16")]),
    "int_array": ("int4[]", [[], [1, 2, 3], [[1, 2], [3, 4]], [1, None, 3], None]),
    "text_array": ("text[]", [["a", "b,c", 'q"q', "\\", "", "NULL", None, "{}"]]),
    "date_array": ("date[]", [[DAY, None]]),
    "bytea_array": ("bytea[]", [[b"\x00", b"\\x"]]),
    "numeric_array": ("numeric[]", [[decimal.Decimal("1.1"), None]]),
    "int4range": ("int4range", [Range(1, 5), Range(empty=True), Range(None, 5)]),
    "tstzrange": ("tstzrange", [Range(dt.datetime(2020, 1, 1, tzinfo=TZ), None)]),
    "int4multirange": ("int4multirange", [Multirange([Range(1, 3), Range(7, 9)])]),
    "oid": ("oid", [0, 2**32 - 1]),
    "large": ("text", ["z" * 10_000_000]),
    "large_bytea": ("bytea", [os.urandom(10_000_000)]),
}


def plain(value):
    return value.obj if isinstance(value, (Json, Jsonb)) else value


@each(**VALUES)
def types_text(case):
    types_by(case, "t", False)


@each(**VALUES)
def types_binary(case):
    types_by(case, "b", True)


def types_by(case, fmt, binary):
    name, values = case
    with connect(options="-c timezone=UTC") as conn:
        for value in values:
            try:
                got = conn.execute(f"SELECT %{fmt}::{name}", (value,), binary=binary).fetchone()[0]
            except psycopg.ProgrammingError as e:
                if "cannot adapt" in str(e):
                    raise Skip(str(e))
                raise
            equal(got, plain(value))


@test
def types_numeric_nan():
    with connect() as conn:
        for binary in (False, True):
            row = conn.execute("SELECT 'NaN'::numeric, 'Infinity'::numeric, '-Infinity'::float8, 'NaN'::float4", binary=binary).fetchone()
            equal([str(v) for v in row], ["NaN", "Infinity", "-inf", "nan"])
            equal(str(one(conn, "SELECT %s::numeric", (decimal.Decimal("NaN"),), binary=binary)), "NaN")


@test
def types_infinite_times():
    with connect() as conn:
        raises(psycopg.DataError, lambda: conn.execute("SELECT 'infinity'::timestamp").fetchone())
        equal(one(conn, "SELECT 'infinity'::timestamptz::text"), "infinity")
        usable(conn)


@test
def types_left_to_the_server():
    with connect() as conn:
        equal(conn.execute("SELECT %s + 1, %s || 'x', %s = ANY(ARRAY[1,2])", ("1", "a", "2")).fetchone(), (2, "ax", True))
        raises(E.IndeterminateDatatype, conn.execute, "SELECT pg_typeof(%s), %s IS NULL", ("x", None))
        usable(conn)


@test
def types_null_and_empty():
    with connect() as conn:
        equal(conn.execute("SELECT NULL::text, ''::text, %s::text, %s::text", (None, "")).fetchone(), (None, "", None, ""))
        equal(conn.execute("SELECT").fetchall(), [()])


@test
def types_composite_and_enum():
    from psycopg.types.composite import CompositeInfo, register_composite
    from psycopg.types.enum import EnumInfo, register_enum
    import enum
    with connect() as conn:
        conn.execute("DROP TYPE IF EXISTS pair3; CREATE TYPE pair3 AS (n int, s text)")
        conn.execute("DROP TYPE IF EXISTS mood3; CREATE TYPE mood3 AS ENUM ('sad', 'ok')")
        register_composite(CompositeInfo.fetch(conn, "pair3"), conn)
        Mood = enum.Enum("Mood", {"sad": "sad", "ok": "ok"})
        register_enum(EnumInfo.fetch(conn, "mood3"), conn, Mood)
        for binary in (False, True):
            equal(tuple(one(conn, "SELECT (1, 'a,b\"')::pair3", binary=binary)), (1, 'a,b"'))
            equal(one(conn, "SELECT %s::mood3", (Mood.ok,), binary=binary), Mood.ok)
        conn.execute("DROP TYPE pair3; DROP TYPE mood3")


@test
def types_hstore():
    from psycopg.types import TypeInfo
    from psycopg.types.hstore import register_hstore
    with connect() as conn:
        try:
            conn.execute("CREATE EXTENSION IF NOT EXISTS hstore")
        except psycopg.Error as e:
            raise Skip(str(e))
        register_hstore(TypeInfo.fetch(conn, "hstore"), conn)
        equal(one(conn, "SELECT %s::hstore", ({"a": "1", "b": None},)), {"a": "1", "b": None})


@test
def result_description():
    with connect() as conn:
        cur = conn.execute("SELECT 1 AS n, 'x'::varchar(7) AS v, 1.5::numeric(10,2) AS d, now() AS t", binary=True)
        equal([(c.name, c.type_code, c.precision, c.scale, c.display_size) for c in cur.description],
              [("n", 23, None, None, None), ("v", 1043, None, None, 7), ("d", 1700, 10, 2, None), ("t", 1184, None, None, None)])
        conn.execute("CREATE TEMP TABLE origin (a int, b text)")
        r = conn.execute("SELECT b, a FROM origin").pgresult
        equal([r.ftablecol(i) for i in range(2)], [2, 1])
        equal(r.ftable(0), one(conn, "SELECT 'origin'::regclass::oid"))


@each(n1000=1000, n65535=65535)
def parameters(n):
    with connect() as conn:
        query = ("SELECT " + " + ".join(f"${i}::int8" for i in range(1, n + 1))).encode() if n <= 1000 else \
            ("SELECT array_length(ARRAY[" + ",".join(f"${i}::int8" for i in range(1, n + 1)) + "], 1)").encode()
        r = conn.pgconn.exec_params(query, [b"1"] * n)
        equal(r.error_message, b"")
        equal(r.get_value(0, 0), str(n).encode())
        usable(conn)


@test
def parameters_insert_many_rows():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE m (a int, b text)")
        values = [x for i in range(20000) for x in (i, f"row {i}")]
        conn.execute("INSERT INTO m VALUES " + ",".join(["(%s,%s)"] * 20000), values)
        equal(conn.execute("SELECT count(*), sum(a) FROM m").fetchone(), (20000, 199990000))


@test
def large_result():
    with connect() as conn:
        cur = conn.execute("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g")
        equal(sum(r[0] for r in cur), 5000050000)
        equal(len(one(conn, "SELECT repeat('x', 50000000)")), 50000000)


@test
def rows_factories():
    with connect() as conn:
        equal(conn.cursor(row_factory=dict_row).execute("SELECT 1 AS a, 2 AS b").fetchone(), {"a": 1, "b": 2})
        equal(conn.cursor(row_factory=namedtuple_row).execute("SELECT 1 AS a").fetchone().a, 1)
        equal(conn.cursor(row_factory=scalar_row).execute("SELECT 7").fetchall(), [7])
        raw = psycopg.RawCursor(conn)
        equal(raw.execute("SELECT $1::int + $2::int", (1, 2)).fetchone(), (3,))
        equal(psycopg.ClientCursor(conn).execute("SELECT %s, %s", ("a'b", [1])).fetchone(), ("a'b", [1]))


@test
def stream_single_row_mode():
    with connect() as conn:
        cur = conn.cursor()
        equal(sum(r[0] for r in cur.stream("SELECT generate_series(1, %s)", (10000,))), 50005000)
        seen = 0
        raised = None
        try:
            for r in cur.stream("SELECT 1/(500-g) FROM generate_series(1, 1000) g"):
                seen += 1
        except E.DivisionByZero as e:
            raised = e
        assert raised is not None
        usable(conn)


@test
def stream_chunks():
    with connect() as conn:
        cur = conn.cursor()
        try:
            equal(sum(r[0] for r in cur.stream("SELECT generate_series(1, 10000)", size=100)), 50005000)
        except psycopg.NotSupportedError as e:
            raise Skip(str(e))


@test
def executemany_returning():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE em (id serial, s text)")
        cur = conn.cursor()
        cur.executemany("INSERT INTO em (s) VALUES (%s) RETURNING id", [(f"s{i}",) for i in range(1000)], returning=True)
        ids = [cur.fetchone()[0]]
        while cur.nextset():
            ids.append(cur.fetchone()[0])
        equal(ids, list(range(1, 1001)))
        cur.executemany("UPDATE em SET s = %s WHERE id = %s", [("x", i) for i in range(1, 11)])
        equal(cur.rowcount, 10)
        raises(E.InvalidTextRepresentation, cur.executemany, "INSERT INTO em (id) VALUES (%s::int)", [("1",), ("x",), ("3",)])
        usable(conn)


# Prepared statements


@test
def prepared_automatically():
    with connect() as conn:
        for i in range(20):
            equal(one(conn, "SELECT %s::int * 2", (i,)), 2 * i)
        for i in range(20):
            equal(one(conn, "SELECT %s::int * 3", (i,), prepare=True), 3 * i)


@test
def prepared_many_evicted():
    with connect(prepare_threshold=0) as conn:
        conn.prepared_max = 20
        for i in range(500):
            equal(one(conn, f"SELECT {i} + %s", (1,)), i + 1)
        for i in range(490, 500):
            equal(one(conn, f"SELECT {i} + %s", (1,)), i + 1)


@test
def prepared_2000():
    with connect() as conn:
        for i in range(2000):
            r = conn.pgconn.prepare(f"s{i}".encode(), f"SELECT {i} + $1::int".encode())
            equal(r.error_message, b"")
        for i in range(0, 2000, 7):
            equal(conn.pgconn.exec_prepared(f"s{i}".encode(), [b"1"]).get_value(0, 0), str(i + 1).encode())


@test
def prepared_schema_change():
    with connect(prepare_threshold=0) as conn:
        conn.execute("DROP TABLE IF EXISTS changes3")
        conn.execute("CREATE TABLE changes3 (a int)")
        conn.execute("INSERT INTO changes3 VALUES (1)")
        pg = conn.pgconn
        pg.prepare(b"ch", b"SELECT * FROM changes3")
        equal(pg.exec_prepared(b"ch", []).get_value(0, 0), b"1")
        pg.exec_(b"ALTER TABLE changes3 ADD b text DEFAULT 'x'")
        r = pg.exec_prepared(b"ch", [])
        equal((r.error_field(pq.DiagnosticField.SQLSTATE), r.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)),
              (b"0A000", b"cached plan must not change result type"))
        conn.execute("DEALLOCATE ch")
        pg.prepare(b"ch", b"SELECT * FROM changes3")
        equal(pg.exec_prepared(b"ch", []).get_value(0, 1), b"x")
        pg.exec_(b"ALTER TABLE changes3 ALTER a TYPE text")
        equal(pg.exec_prepared(b"ch", []).error_field(pq.DiagnosticField.SQLSTATE), b"0A000")
        equal(conn.execute("SELECT * FROM changes3").fetchall(), [("1", "x")])
        pg.exec_(b"DROP TABLE changes3")
        equal(pg.exec_prepared(b"ch", []).error_field(pq.DiagnosticField.SQLSTATE), b"42P01")


@test
def prepared_error_codes():
    with connect() as conn:
        pg = conn.pgconn
        equal(pg.prepare(b"p", b"SELECT 1").error_message, b"")
        equal(pg.prepare(b"p", b"SELECT 2").error_field(pq.DiagnosticField.SQLSTATE), b"42P05")
        equal(pg.exec_prepared(b"nope", []).error_field(pq.DiagnosticField.SQLSTATE), b"26000")
        equal(pg.exec_prepared(b"p", [b"1"]).error_field(pq.DiagnosticField.SQLSTATE), b"08P01")
        equal(pg.describe_prepared(b"nope").error_field(pq.DiagnosticField.SQLSTATE), b"26000")
        equal(pg.describe_portal(b"nope").error_field(pq.DiagnosticField.SQLSTATE), b"34000")
        equal(pg.prepare(b"q", b"SELECT $1::int, $2::text").error_message, b"")
        d = pg.describe_prepared(b"q")
        equal([d.param_type(i) for i in range(d.nparams)], [23, 25])
        equal([d.ftype(i) for i in range(d.nfields)], [23, 25])
        conn.execute("DEALLOCATE p")
        equal(pg.exec_prepared(b"p", []).error_field(pq.DiagnosticField.SQLSTATE), b"26000")
        equal(pg.prepare(b"p", b"SELECT 2").error_message, b"")
        equal(pg.exec_prepared(b"p", []).get_value(0, 0), b"2")


@test
def prepared_sql_level():
    with connect() as conn:
        conn.execute("PREPARE s (int, text) AS SELECT $1 + 1 AS a, $2 AS b")
        equal(conn.execute("EXECUTE s(41, 'x')").fetchone(), (42, "x"))
        equal(conn.pgconn.exec_prepared(b"s", [b"1", b"y"]).get_value(0, 1), b"y")
        raises(E.DuplicatePreparedStatement, conn.execute, "PREPARE s AS SELECT 1")
        equal(conn.execute("EXPLAIN EXECUTE s(1, 'x')").fetchone()[0][:6], "Result")
        conn.execute("CREATE TEMP TABLE from_s AS EXECUTE s(2, 'z')")
        equal(conn.execute("TABLE from_s").fetchone(), (3, "z"))
        conn.execute("DEALLOCATE s")
        raises(E.InvalidSqlStatementName, conn.execute, "EXECUTE s(1, 'x')")
        raises(E.InvalidSqlStatementName, conn.execute, "DEALLOCATE s")
        conn.pgconn.prepare(b"by protocol", b"SELECT 5")
        equal(one(conn, 'EXECUTE "by protocol"'), 5)
        conn.execute("DEALLOCATE ALL")
        raises(E.InvalidSqlStatementName, conn.execute, 'EXECUTE "by protocol"')


@test
def prepared_statements_view():
    with connect() as conn:
        conn.execute("PREPARE s (int, text) AS SELECT $1 + 1 AS a, $2 AS b")
        conn.pgconn.prepare(b"m", b"SELECT 1")
        equal(conn.execute("SELECT name, statement, parameter_types::text, from_sql FROM pg_prepared_statements ORDER BY name").fetchall(),
              [("m", "SELECT 1", "{}", False), ("s", "PREPARE s (int, text) AS SELECT $1 + 1 AS a, $2 AS b", "{integer,text}", True)])


@test
def prepared_survives_rollback():
    with connect() as conn:
        conn.execute("BEGIN")
        conn.pgconn.prepare(b"kept", b"SELECT 6")
        conn.execute("PREPARE kept2 AS SELECT 7")
        conn.execute("ROLLBACK")
        equal(conn.pgconn.exec_prepared(b"kept", []).get_value(0, 0), b"6")
        equal(one(conn, "EXECUTE kept2"), 7)
        conn.execute("BEGIN")
        conn.execute("DEALLOCATE kept")
        conn.execute("ROLLBACK")
        equal(conn.pgconn.exec_prepared(b"kept", []).error_field(pq.DiagnosticField.SQLSTATE), b"26000")


@test
def prepared_closed_by_protocol():
    with connect() as conn:
        if not hasattr(conn.pgconn, "close_prepared"):
            raise Skip("no close_prepared")
        try:
            conn.pgconn.prepare(b"c", b"SELECT 1")
            equal(conn.pgconn.close_prepared(b"c").status, pq.ExecStatus.COMMAND_OK)
        except psycopg.NotSupportedError as e:
            raise Skip(str(e))
        equal(conn.pgconn.exec_prepared(b"c", []).error_field(pq.DiagnosticField.SQLSTATE), b"26000")
        equal(conn.pgconn.close_prepared(b"never").status, pq.ExecStatus.COMMAND_OK)


@test
def prepared_same_name_in_two_connections():
    with connect() as a, connect() as b:
        a.pgconn.prepare(b"n", b"SELECT 'a'")
        b.pgconn.prepare(b"n", b"SELECT 'b'")
        for _ in range(20):
            equal(a.pgconn.exec_prepared(b"n", []).get_value(0, 0), b"a")
            equal(b.pgconn.exec_prepared(b"n", []).get_value(0, 0), b"b")


# Transactions


@test
def transaction_commit_and_rollback():
    with connect(autocommit=False) as conn:
        conn.execute("DROP TABLE IF EXISTS tx3")
        conn.execute("CREATE TABLE tx3 (n int PRIMARY KEY)")
        conn.commit()
        equal(conn.info.transaction_status, pq.TransactionStatus.IDLE)
        conn.execute("INSERT INTO tx3 VALUES (1)")
        equal(conn.info.transaction_status, pq.TransactionStatus.INTRANS)
        conn.rollback()
        equal(one(conn, "SELECT count(*) FROM tx3"), 0)
        raises(E.DivisionByZero, conn.execute, "SELECT 1/0")
        equal(conn.info.transaction_status, pq.TransactionStatus.INERROR)
        raises(E.InFailedSqlTransaction, conn.execute, "SELECT 1")
        conn.commit()
        equal(conn.info.transaction_status, pq.TransactionStatus.IDLE)
        conn.execute("DROP TABLE tx3")
        conn.commit()


@test
def transaction_nested():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE n (n int)")
        with conn.transaction():
            conn.execute("INSERT INTO n VALUES (1)")
            try:
                with conn.transaction("inner"):
                    conn.execute("INSERT INTO n VALUES (2)")
                    conn.execute("SELECT 1/0")
            except E.DivisionByZero:
                pass
            with conn.transaction():
                conn.execute("INSERT INTO n VALUES (3)")
            with conn.transaction(force_rollback=True):
                conn.execute("INSERT INTO n VALUES (4)")
        equal(conn.execute("SELECT n FROM n ORDER BY n").fetchall(), [(1,), (3,)])


@each(**{level.name.lower(): level for level in psycopg.IsolationLevel})
def transaction_isolation(level):
    with connect(autocommit=False) as conn:
        conn.isolation_level = level
        equal(one(conn, "SHOW transaction_isolation"), level.name.lower().replace("_", " "))
        conn.rollback()
        conn.read_only = True
        e = raises(E.ReadOnlySqlTransaction, conn.execute, "CREATE TABLE nope (n int)")
        equal(e.sqlstate, "25006")
        conn.rollback()
        conn.read_only, conn.deferrable = False, True
        equal(one(conn, "SHOW transaction_deferrable"), "on")
        conn.rollback()


@test
def transaction_serialization_failure():
    with connect() as setup:
        setup.execute("DROP TABLE IF EXISTS ser3; CREATE TABLE ser3 (n int); INSERT INTO ser3 VALUES (1)")
        with connect(autocommit=False) as a, connect(autocommit=False) as b:
            a.isolation_level = b.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            a.execute("SELECT * FROM ser3")
            b.execute("UPDATE ser3 SET n = 2")
            b.commit()
            equal(raises(E.SerializationFailure, a.execute, "UPDATE ser3 SET n = 3").sqlstate, "40001")
            a.rollback()
        setup.execute("DROP TABLE ser3")


@test
def transaction_deadlock():
    with connect() as setup:
        setup.execute("DROP TABLE IF EXISTS dead3; CREATE TABLE dead3 (n int PRIMARY KEY, v int); INSERT INTO dead3 VALUES (1), (2)")
        failures = []

        def work(first, second, barrier):
            with connect(autocommit=False) as c:
                try:
                    c.execute("UPDATE dead3 SET v = 1 WHERE n = %s", (first,))
                    barrier.wait(20)
                    c.execute("UPDATE dead3 SET v = 1 WHERE n = %s", (second,))
                    c.commit()
                except E.DeadlockDetected as e:
                    failures.append(e)
                    c.rollback()

        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=work, args=(a, 3 - a, barrier)) for a in (1, 2)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        equal([f.sqlstate for f in failures], ["40P01"])
        assert "Process" in failures[0].diag.message_detail
        setup.execute("DROP TABLE dead3")


@test
def transaction_savepoints():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE sp (n int)")
        for text in ("BEGIN", "INSERT INTO sp VALUES (1)", "SAVEPOINT a", "INSERT INTO sp VALUES (2)", "SAVEPOINT b",
                     "INSERT INTO sp VALUES (3)", "RELEASE b", "ROLLBACK TO a"):
            conn.execute(text)
        equal(conn.execute("SELECT n FROM sp").fetchall(), [(1,)])
        raises(E.InvalidSavepointSpecification, conn.execute, "ROLLBACK TO never")
        conn.execute("ROLLBACK TO a")
        conn.execute("COMMIT AND CHAIN")
        equal(conn.info.transaction_status, pq.TransactionStatus.INTRANS)
        conn.execute("ROLLBACK AND CHAIN")
        conn.execute("ROLLBACK")
        equal(conn.execute("SELECT n FROM sp").fetchall(), [(1,)])


@test
def transaction_warnings():
    with connect() as conn:
        seen = []
        conn.add_notice_handler(lambda d: seen.append((d.severity, d.sqlstate, d.message_primary)))
        conn.execute("COMMIT")
        conn.execute("ROLLBACK")
        conn.execute("BEGIN")
        conn.execute("BEGIN")
        conn.execute("ROLLBACK")
        conn.execute("SET LOCAL work_mem = '1MB'")
        equal(seen, [("WARNING", "25P01", "there is no transaction in progress")] * 2 +
              [("WARNING", "25001", "there is already a transaction in progress"),
               ("WARNING", "25P01", "SET LOCAL can only be used in transaction blocks")])


@test
def transaction_not_in_block():
    with connect() as conn:
        conn.execute("BEGIN")
        raises(E.ActiveSqlTransaction, conn.execute, "VACUUM")
        conn.execute("ROLLBACK")
        raises(E.NoActiveSqlTransaction, conn.execute, "SAVEPOINT a")
        conn.execute("CREATE TEMP TABLE vacuumed (n int)")
        conn.execute("VACUUM vacuumed")
        raises(E.ActiveSqlTransaction, conn.execute, "SELECT 1; VACUUM vacuumed")


@test
def two_phase():
    with connect(autocommit=False) as conn:
        conn.execute("DROP TABLE IF EXISTS tpc3")
        conn.execute("CREATE TABLE tpc3 (n int)")
        conn.commit()
        for end in ("commit", "rollback"):
            xid = conn.xid(7, f"gtrid-{end}", "bqual")
            conn.tpc_begin(xid)
            conn.execute("INSERT INTO tpc3 VALUES (1)")
            conn.tpc_prepare()
            with connect() as other:
                equal([x.gtrid for x in other.tpc_recover()], [f"gtrid-{end}"])
            getattr(conn, f"tpc_{end}")()
        equal(one(conn, "SELECT count(*) FROM tpc3"), 1)
        conn.rollback()
        conn.tpc_begin("one phase")
        conn.execute("INSERT INTO tpc3 VALUES (2)")
        conn.tpc_commit()
        conn.tpc_begin("recovered")
        conn.execute("INSERT INTO tpc3 VALUES (3)")
        conn.tpc_prepare()
        conn.close()
    with connect(autocommit=False) as conn:
        conn.tpc_commit("recovered")
        equal(one(conn, "SELECT count(*) FROM tpc3"), 3)
        conn.execute("DROP TABLE tpc3")
        conn.commit()


# Errors


@test
def error_fields_constraint():
    with connect() as conn:
        conn.execute("DROP TABLE IF EXISTS err3; CREATE TABLE err3 (id int PRIMARY KEY, n int NOT NULL CONSTRAINT positive CHECK (n > 0))")
        conn.execute("INSERT INTO err3 VALUES (1, 1)")
        d = raises(E.UniqueViolation, conn.execute, "INSERT INTO err3 VALUES (%s, 1)", (1,)).diag
        equal((d.severity, d.severity_nonlocalized, d.sqlstate, d.message_primary, d.message_detail, d.schema_name, d.table_name,
               d.constraint_name), ("ERROR", "ERROR", "23505", 'duplicate key value violates unique constraint "err3_pkey"',
                                    "Key (id)=(1) already exists.", "public", "err3", "err3_pkey"))
        d = raises(E.NotNullViolation, conn.execute, "INSERT INTO err3 VALUES (2, NULL)").diag
        equal((d.sqlstate, d.column_name, d.table_name, d.message_detail), ("23502", "n", "err3", "Failing row contains (2, null)."))
        d = raises(E.CheckViolation, conn.execute, "INSERT INTO err3 VALUES (2, -1)").diag
        equal((d.sqlstate, d.constraint_name, d.source_function is not None), ("23514", "positive", True))
        usable(conn)
        conn.execute("DROP TABLE err3")


@test
def error_fields_position():
    with connect() as conn:
        d = raises(E.UndefinedColumn, conn.execute, "SELECT nope FROM pg_class").diag
        equal((d.sqlstate, d.statement_position), ("42703", "8"))
        d = raises(E.SyntaxError, conn.execute, "SELECT 1; SELEC 2").diag
        equal(d.statement_position, "11")
        d = raises(E.UndefinedFunction, conn.execute, "SELECT 'ä', lengthh('x')").diag
        equal((d.statement_position, d.message_hint), ("13", "No function matches the given name and argument types. You might need to add explicit type casts."))
        d = raises(E.UndefinedTable, conn.execute, "SELECT %s FROM missing", (1,)).diag
        equal((d.sqlstate, d.statement_position), ("42P01", "16"))


@test
def error_fields_raised():
    with connect() as conn:
        d = raises(psycopg.Error, conn.execute, """DO $$ BEGIN RAISE EXCEPTION 'own % %', 1, 'x' USING ERRCODE = 'P1234', DETAIL = 'the detail',
            HINT = 'the hint', COLUMN = 'col', CONSTRAINT = 'con', DATATYPE = 'typ', TABLE = 'tab', SCHEMA = 'sch'; END $$""").diag
        equal((d.sqlstate, d.message_primary, d.message_detail, d.message_hint, d.column_name, d.constraint_name, d.datatype_name,
               d.table_name, d.schema_name), ("P1234", "own 1 x", "the detail", "the hint", "col", "con", "typ", "tab", "sch"))
        assert d.context.startswith("PL/pgSQL function inline_code_block line 1 at RAISE"), d.context
        conn.execute("CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT nope); END $$")
        d = raises(E.UndefinedColumn, conn.execute, "SELECT pg_temp.f()").diag
        equal((d.internal_query, d.internal_position), ("(SELECT nope)", "9"))


@test
def error_in_the_middle_of_rows():
    with connect() as conn:
        for prepare in (False, True):
            raises(E.DivisionByZero, conn.execute, "SELECT 1/(5000-g) FROM generate_series(1,10000) g", prepare=prepare)
            usable(conn)


@test
def error_1000():
    with connect() as conn:
        for i in range(1000):
            raises(E.DivisionByZero, conn.execute, "SELECT %s/0", (i,))
        usable(conn)


# Pipelines


@test
def pipeline_results():
    with connect() as conn:
        with conn.pipeline() as p:
            cursors = [conn.execute("SELECT %s::int", (i,)) for i in range(1000)]
            p.sync()
            equal([c.fetchone()[0] for c in cursors], list(range(1000)))


@test
def pipeline_error_aborts_until_sync():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE pe (n int)")
        with conn.pipeline() as p:
            a = conn.execute("INSERT INTO pe VALUES (1)")
            b = conn.execute("SELECT 1/0")
            c = conn.execute("INSERT INTO pe VALUES (2)")
            raises(E.DivisionByZero, p.sync)
            raises(E.DivisionByZero, b.fetchone) if b.pgresult else None
            d = conn.execute("SELECT 5")
            equal(d.fetchone(), (5,))
        equal(one(conn, "SELECT count(*) FROM pe"), 0)


@test
def pipeline_implicit_transaction():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE pi (n int)")
        with conn.pipeline() as p:
            conn.execute("INSERT INTO pi VALUES (1)")
            p.sync()
            conn.execute("INSERT INTO pi VALUES (2)")
            conn.execute("INSERT INTO pi VALUES (3)")
            try:
                conn.execute("SELECT 1/0")
                p.sync()
            except E.DivisionByZero:
                pass
        equal(conn.execute("SELECT n FROM pi").fetchall(), [(1,)])


@test
def pipeline_transactions():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE pt (n int)")
        with conn.pipeline():
            with conn.transaction():
                conn.execute("INSERT INTO pt VALUES (1)")
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO pt VALUES (2)")
                    raise KeyError
            except KeyError:
                pass
            with conn.transaction():
                conn.execute("INSERT INTO pt VALUES (3)")
        equal(conn.execute("SELECT n FROM pt ORDER BY n").fetchall(), [(1,), (3,)])


@test
def pipeline_large_both_ways():
    with connect() as conn:
        with conn.pipeline():
            cursors = [conn.execute("SELECT %s::text", ("x" * 200_000,)) for _ in range(200)]
            equal({len(c.fetchone()[0]) for c in cursors}, {200_000})


@test
def pipeline_raw_errors_at_each_place():
    with connect() as conn:
        pg = conn.pgconn
        for place in range(6):
            pg.enter_pipeline_mode()
            for i in range(6):
                pg.send_query_params(b"SELECT 1/$1::int", [b"0" if i == place else b"1"])
                if i == 2:
                    pg.pipeline_sync()
            pg.pipeline_sync()
            statuses = []
            while len([s for s in statuses if s == "PIPELINE_SYNC"]) < 2:
                r = pg.get_result()
                if r is not None:
                    statuses.append(pq.ExecStatus(r.status).name)
            half = lambda k: [["TUPLES_OK"] * 3, ["FATAL_ERROR"] + ["PIPELINE_ABORTED"] * 2, ["TUPLES_OK", "FATAL_ERROR", "PIPELINE_ABORTED"],
                              ["TUPLES_OK"] * 2 + ["FATAL_ERROR"]][k]
            want = half(place + 1 if place < 3 else 0) + ["PIPELINE_SYNC"] + half(place - 2 if place >= 3 else 0) + ["PIPELINE_SYNC"]
            equal((place, statuses), (place, want))
            while pg.get_result() is not None:
                pass
            pg.exit_pipeline_mode()
        usable(conn)


@test
def pipeline_flush_request():
    with connect() as conn:
        pg = conn.pgconn
        pg.enter_pipeline_mode()
        pg.send_query_params(b"SELECT 1", [])
        pg.send_flush_request()
        pg.flush()
        r = pg.get_result()
        equal(r.get_value(0, 0), b"1")
        equal(pg.get_result(), None)
        pg.send_query_params(b"SELECT 2", [])
        pg.pipeline_sync()
        equal(pg.get_result().get_value(0, 0), b"2")
        equal(pg.get_result(), None)
        equal(pg.get_result().status, pq.ExecStatus.PIPELINE_SYNC)
        pg.exit_pipeline_mode()
        usable(conn)


@test
def pipeline_prepare_describe():
    with connect() as conn:
        pg = conn.pgconn
        pg.enter_pipeline_mode()
        pg.send_prepare(b"pp", b"SELECT $1::int + 1")
        pg.send_describe_prepared(b"pp")
        pg.send_query_prepared(b"pp", [b"1"])
        pg.send_prepare(b"pp", b"SELECT 1")
        pg.send_query_prepared(b"pp", [b"2"])
        pg.pipeline_sync()
        pg.send_query_prepared(b"pp", [b"3"])
        pg.pipeline_sync()
        statuses = []
        while statuses.count("PIPELINE_SYNC") < 2:
            r = pg.get_result()
            if r is not None:
                statuses.append(pq.ExecStatus(r.status).name)
        equal(statuses, ["COMMAND_OK", "COMMAND_OK", "TUPLES_OK", "FATAL_ERROR", "PIPELINE_ABORTED", "PIPELINE_SYNC", "TUPLES_OK", "PIPELINE_SYNC"])
        pg.exit_pipeline_mode()
        usable(conn)


# Cursors


@test
def cursor_server_side():
    with connect(autocommit=False) as conn:
        with conn.cursor("named") as cur:
            cur.itersize = 100
            cur.execute("SELECT generate_series(1, %s)", (1000,))
            equal(cur.fetchone(), (1,))
            equal(len(cur.fetchmany(10)), 10)
            equal(sum(r[0] for r in cur), 500500 - sum(range(1, 12)))
        with conn.cursor("binary") as cur:
            cur.execute("SELECT 1::int8, 'x'::text", binary=True)
            equal(cur.fetchall(), [(1, "x")])


@test
def cursor_two_interleaved():
    with connect(autocommit=False) as conn:
        a, b = conn.cursor("a"), conn.cursor("b")
        a.itersize = b.itersize = 3
        a.execute("SELECT generate_series(1, 20)")
        b.execute("SELECT generate_series(101, 120)")
        equal([(x[0], y[0]) for x, y in zip(a, b)], [(i, i + 100) for i in range(1, 21)])


@test
def cursor_scroll():
    with connect(autocommit=False) as conn:
        with conn.cursor("s", scrollable=True) as cur:
            cur.execute("SELECT generate_series(0, 99)")
            cur.scroll(50)
            equal(cur.fetchone(), (50,))
            cur.scroll(-11)
            equal(cur.fetchone(), (40,))
            cur.scroll(98, mode="absolute")
            equal(cur.fetchall(), [(98,), (99,)])
        with conn.cursor("n", scrollable=False) as cur:
            cur.execute("SELECT generate_series(0, 99)")
            cur.fetchmany(5)
            raises(E.ObjectNotInPrerequisiteState, cur.scroll, -2)


@test
def cursor_with_hold():
    with connect(autocommit=False) as conn:
        cur = conn.cursor("h", withhold=True)
        cur.execute("SELECT generate_series(1, 10)")
        equal(cur.fetchmany(2), [(1,), (2,)])
        conn.commit()
        equal(cur.fetchmany(2), [(3,), (4,)])
        conn.commit()
        equal(cur.fetchall(), [(i,) for i in range(5, 11)])
        cur.close()
        conn.commit()
    with connect() as conn:
        conn.execute("DECLARE held CURSOR WITH HOLD FOR SELECT generate_series(1, 5)")
        for i in range(1, 6):
            equal(one(conn, "FETCH held"), i)
        equal(conn.execute("SELECT name, is_holdable FROM pg_cursors").fetchall(), [("held", True)])
        conn.execute("CLOSE held")


@test
def cursor_sql_level():
    with connect() as conn:
        conn.execute("BEGIN")
        conn.execute("DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 100)")
        equal(conn.execute("FETCH 3 FROM c").fetchall(), [(1,), (2,), (3,)])
        equal(conn.execute("FETCH BACKWARD 2 FROM c").fetchall(), [(2,), (1,)])
        equal(conn.execute("MOVE 50 IN c").statusmessage, "MOVE 50")
        equal(conn.execute("FETCH LAST FROM c").fetchall(), [(100,)])
        equal(conn.execute("FETCH ABSOLUTE -2 FROM c").fetchall(), [(99,)])
        conn.execute("COMMIT")
        raises(E.InvalidCursorName, conn.execute, "FETCH c")
        raises(E.NoActiveSqlTransaction, conn.execute, "DECLARE c CURSOR FOR SELECT 1")


@test
def cursor_where_current_of():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE cco AS SELECT g AS n FROM generate_series(1, 5) g")
        with conn.transaction():
            conn.execute("DECLARE u CURSOR FOR SELECT n FROM cco FOR UPDATE")
            conn.execute("FETCH 2 FROM u")
            equal(conn.execute("DELETE FROM cco WHERE CURRENT OF u").rowcount, 1)
        equal(one(conn, "SELECT sum(n) FROM cco"), 13)


@test
def cursor_refcursor():
    with connect() as conn:
        conn.execute("CREATE OR REPLACE FUNCTION pg_temp.rc(refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN $1 FOR SELECT 8; RETURN $1; END $$")
        with conn.transaction():
            equal(one(conn, "SELECT pg_temp.rc('cur')"), "cur")
            equal(one(conn, "FETCH ALL FROM cur"), 8)


# COPY


@each(text="", csv="(FORMAT csv, HEADER)", binary="(FORMAT binary)")
def copy_round_trip(how):
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE src AS SELECT g AS n, 'text ' || g || E'\\t\\\\\"' AS s, CASE WHEN g % 3 = 0 THEN g END AS z FROM generate_series(1, 20000) g")
        conn.execute("CREATE TEMP TABLE dst (n int, s text, z int)")
        with conn.cursor().copy(f"COPY src TO STDOUT {how}") as copy:
            data = b"".join(bytes(b) for b in copy)
        cur = conn.cursor()
        with cur.copy(f"COPY dst FROM STDIN {how}") as copy:
            for i in range(0, len(data), 777):
                copy.write(data[i:i + 777])
        equal(cur.statusmessage, "COPY 20000")
        equal(one(conn, "SELECT count(*) FROM (TABLE src EXCEPT TABLE dst) x"), 0)


@test
def copy_rows():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE cr (n int8, s text, d timestamptz, j jsonb)")
        now = dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=TZ)
        for how in ("", "(FORMAT binary)"):
            with conn.cursor().copy(f"COPY cr FROM STDIN {how}") as copy:
                copy.set_types(["int8", "text", "timestamptz", "jsonb"])
                for i in range(1000):
                    copy.write_row((i, None if i % 2 else "ä", now, Jsonb({"i": i})))
            with conn.cursor().copy(f"COPY cr TO STDOUT {how}") as copy:
                copy.set_types(["int8", "text", "timestamptz", "jsonb"])
                rows = list(copy.rows())
            equal((len(rows), rows[0][0], rows[1][1], rows[0][3]), (1000, 0, None, {"i": 0}))
            conn.execute("TRUNCATE cr")


@test
def copy_in_server_error():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE ce (n int PRIMARY KEY)")

        def bad(rows):
            with conn.cursor().copy("COPY ce FROM STDIN") as copy:
                for row in rows:
                    copy.write(row)

        d = raises(E.InvalidTextRepresentation, bad, ["1\n", "x\n"] + ["3\n"] * 200000).diag
        equal((d.context.split(",")[0], d.sqlstate), ("COPY ce", "22P02"))
        raises(E.UniqueViolation, bad, ["1\n", "1\n"])
        raises(E.BadCopyFileFormat, bad, ["1\t2\n"])
        equal(one(conn, "SELECT count(*) FROM ce"), 0)


@test
def copy_in_client_fails():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE cf (n int)")

        def bad():
            with conn.cursor().copy("COPY cf FROM STDIN") as copy:
                copy.write("1\n" * 100000)
                raise KeyError("client")

        raises(KeyError, bad)
        equal(conn.info.transaction_status, pq.TransactionStatus.IDLE)
        equal(one(conn, "SELECT count(*) FROM cf"), 0)
        pg = conn.pgconn
        equal(pg.exec_(b"COPY cf FROM STDIN").status, pq.ExecStatus.COPY_IN)
        pg.put_copy_data(b"1\n")
        pg.put_copy_end(b"because")
        r = pg.get_result()
        equal((r.error_field(pq.DiagnosticField.SQLSTATE), r.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)),
              (b"57014", b"COPY from stdin failed: because"))
        equal(pg.get_result(), None)


@test
def copy_out_server_error():
    with connect() as conn:
        def bad():
            with conn.cursor().copy("COPY (SELECT 1/(5000-g) FROM generate_series(1,10000) g) TO STDOUT") as copy:
                for _ in copy:
                    pass

        raises(E.DivisionByZero, bad)
        usable(conn)


@test
def copy_out_abandoned():
    with connect() as conn:
        def some():
            with conn.cursor().copy("COPY (SELECT repeat('x', 1000) FROM generate_series(1,100000)) TO STDOUT") as copy:
                for _ in copy:
                    raise KeyError("enough")

        raises(KeyError, some)
        usable(conn)


@test
def copy_in_a_transaction():
    with connect(autocommit=False) as conn:
        conn.execute("CREATE TEMP TABLE ct (n int)")
        with conn.cursor().copy("COPY ct FROM STDIN") as copy:
            copy.write("1\n")
        conn.execute("SAVEPOINT s")
        try:
            with conn.cursor().copy("COPY ct FROM STDIN") as copy:
                copy.write("x\n")
        except E.InvalidTextRepresentation:
            pass
        equal(conn.info.transaction_status, pq.TransactionStatus.INERROR)
        conn.execute("ROLLBACK TO s")
        equal(one(conn, "SELECT count(*) FROM ct"), 1)


@test
def copy_between_connections():
    with connect() as a, connect() as b:
        b.execute("CREATE TEMP TABLE cb (n int, s text)")
        with a.cursor().copy("COPY (SELECT g, repeat('y', g % 500) FROM generate_series(1, 100000) g) TO STDOUT (FORMAT binary)") as out:
            with b.cursor().copy("COPY cb FROM STDIN (FORMAT binary)") as to:
                for data in out:
                    to.write(data)
        equal(b.execute("SELECT count(*), sum(length(s)) FROM cb").fetchone(), (100000, 24950000))


@test
def copy_large():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE cl (s text)")
        with conn.cursor().copy("COPY cl FROM STDIN") as copy:
            for _ in range(200):
                copy.write("x" * 499_999 + "\n")
        n = 0
        with conn.cursor().copy("COPY cl TO STDOUT") as copy:
            for data in copy:
                n += len(data)
        equal(n, 100_000_000)


@test
def copy_simple_with_more():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE cm (n int)")
        pg = conn.pgconn
        pg.send_query(b"SELECT 1; COPY cm FROM STDIN; SELECT count(*) FROM cm; COPY cm TO STDOUT; SELECT 2")
        seen = []
        while (r := pg.get_result()) is not None:
            seen.append(pq.ExecStatus(r.status).name)
            if r.status == pq.ExecStatus.COPY_IN:
                pg.put_copy_data(b"7\n")
                pg.put_copy_end()
            elif r.status == pq.ExecStatus.COPY_OUT:
                while pg.get_copy_data(0)[0] > 0:
                    pass
        equal(seen, ["TUPLES_OK", "COPY_IN", "COMMAND_OK", "TUPLES_OK", "COPY_OUT", "COMMAND_OK", "TUPLES_OK"])


# Notifications and notices


@test
def notify():
    with connect() as listener, connect() as sender:
        listener.execute("LISTEN ch")
        listener.execute('LISTEN "Other Channel"')
        sender.execute("NOTIFY ch, 'one'")
        sender.execute("SELECT pg_notify('Other Channel', %s)", ("zwei ä",))
        with sender.transaction():
            sender.execute("NOTIFY ch, 'three'")
        got = []
        for n in listener.notifies(timeout=20, stop_after=3):
            got.append((n.channel, n.payload))
        equal(got, [("ch", "one"), ("Other Channel", "zwei ä"), ("ch", "three")])
        listener.execute("UNLISTEN *")
        sender.execute("NOTIFY ch, 'unheard'")
        equal(list(listener.notifies(timeout=0.5)), [])


@test
def notify_to_itself():
    with connect() as conn:
        got = []
        conn.add_notify_handler(lambda n: got.append((n.channel, n.payload, n.pid == conn.info.backend_pid)))
        conn.execute("LISTEN me")
        conn.execute("NOTIFY me, 'x'")
        equal([g[:2] for g in got], [("me", "x")])


@test
def notify_own_pid():
    with connect() as conn:
        got = []
        conn.add_notify_handler(lambda n: got.append(n.pid))
        conn.execute("LISTEN me")
        conn.execute("NOTIFY me, 'x'")
        equal(got, [conn.info.backend_pid])


@test
def notify_during_transaction():
    with connect() as listener, connect() as sender:
        got = []
        listener.add_notify_handler(lambda n: got.append(n.payload))
        listener.execute("LISTEN dt")
        listener.execute("BEGIN")
        sender.execute("NOTIFY dt, 'now'")
        listener.execute("SELECT 1")
        equal(got, [])
        listener.execute("COMMIT")
        for _ in range(50):
            listener.execute("SELECT 1")
            if got:
                break
            time.sleep(0.05)
        equal(got, ["now"])


@test
def notify_while_working():
    with connect() as listener, connect() as sender:
        got = []
        listener.add_notify_handler(lambda n: got.append(n.payload))
        listener.execute("LISTEN ww")
        for i in range(200):
            sender.execute("SELECT pg_notify('ww', %s)", (str(i),))
            equal(one(listener, "SELECT %s::int", (i,)), i)
        for _ in range(100):
            listener.execute("SELECT 1")
            if len(got) == 200:
                break
            time.sleep(0.02)
        equal(got, [str(i) for i in range(200)])


@test
def notices():
    with connect() as conn:
        seen = []
        conn.add_notice_handler(lambda d: seen.append((d.severity, d.sqlstate, d.message_primary, d.message_hint)))
        conn.execute("DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'n %', i USING HINT = 'h'; END LOOP; RAISE WARNING 'w' USING ERRCODE = '01234'; END $$")
        conn.execute("DROP TABLE IF EXISTS missing")
        equal(seen, [("NOTICE", "00000", f"n {i}", "h") for i in (1, 2, 3)] +
              [("WARNING", "01234", "w", None), ("NOTICE", "00000", 'table "missing" does not exist, skipping', None)])
        conn.execute("SET client_min_messages = error")
        conn.execute("DROP TABLE IF EXISTS missing")
        equal(len(seen), 5)


# Cancel and timeouts


@each(cancel="cancel", cancel_safe="cancel_safe")
def cancel(how):
    with connect() as conn:
        timer = threading.Timer(0.3, getattr(conn, how))
        timer.start()
        e = raises(E.QueryCanceled, conn.execute, "SELECT pg_sleep(60)")
        equal((e.sqlstate, e.diag.message_primary), ("57014", "canceling statement due to user request"))
        timer.join()
        usable(conn)


@test
def cancel_in_transaction():
    with connect(autocommit=False) as conn:
        conn.execute("SELECT 1")
        timer = threading.Timer(0.3, conn.cancel_safe)
        timer.start()
        raises(E.QueryCanceled, conn.execute, "SELECT pg_sleep(60)")
        timer.join()
        equal(conn.info.transaction_status, pq.TransactionStatus.INERROR)
        conn.rollback()
        usable(conn)


@test
def cancel_copy():
    with connect() as conn:
        def run():
            with conn.cursor().copy("COPY (SELECT pg_sleep(0.01), g FROM generate_series(1, 100000) g) TO STDOUT") as copy:
                for _ in copy:
                    pass

        timer = threading.Timer(0.3, conn.cancel_safe)
        timer.start()
        raises(E.QueryCanceled, run)
        timer.join()
        usable(conn)


@test
def cancel_idle_is_harmless():
    with connect() as conn:
        conn.execute("SELECT 1")
        for _ in range(5):
            conn.cancel_safe()
        time.sleep(0.2)
        usable(conn)


@test
def cancel_over_tls():
    environment("CONFORMANCE_CA")
    with connect(sslmode="require") as conn:
        timer = threading.Timer(0.3, conn.cancel_safe)
        timer.start()
        raises(E.QueryCanceled, conn.execute, "SELECT pg_sleep(60)")
        timer.join()
        usable(conn)


@test
def cancel_hits_only_its_session():
    with connect() as a, connect() as b:
        result = []
        t = threading.Thread(target=lambda: result.append(b.execute("SELECT pg_sleep(1.5), 'whole'").fetchone()[1]))
        t.start()
        time.sleep(0.2)
        timer = threading.Timer(0.2, a.cancel_safe)
        timer.start()
        raises(E.QueryCanceled, a.execute, "SELECT pg_sleep(60)")
        t.join()
        equal(result, ["whole"])


@test
def statement_timeout():
    with connect(options="-c statement_timeout=200ms") as conn:
        e = raises(E.QueryCanceled, conn.execute, "SELECT pg_sleep(60)")
        equal(e.diag.message_primary, "canceling statement due to statement timeout")
        conn.execute("SET statement_timeout = 0")
        conn.execute("SELECT pg_sleep(0.4)")
        with conn.transaction():
            conn.execute("SET LOCAL statement_timeout = 100")
            try:
                with conn.transaction():
                    conn.execute("SELECT pg_sleep(60)")
            except E.QueryCanceled:
                pass
        equal(one(conn, "SHOW statement_timeout"), "0")


@test
def lock_timeout():
    with connect() as a, connect() as b:
        a.execute("DROP TABLE IF EXISTS lt3; CREATE TABLE lt3 (n int)")
        a.execute("BEGIN; LOCK TABLE lt3")
        b.execute("SET lock_timeout = '200ms'")
        equal(raises(E.LockNotAvailable, b.execute, "SELECT * FROM lt3").sqlstate, "55P03")
        a.execute("ROLLBACK; DROP TABLE lt3")
        usable(b)


@test
def idle_in_transaction_timeout():
    conn = connect()
    conn.execute("SET idle_in_transaction_session_timeout = '200ms'")
    conn.execute("BEGIN")
    time.sleep(0.8)
    e = raises(psycopg.Error, conn.execute, "SELECT 1")
    equal(e.sqlstate, "25P03")
    assert conn.closed


@test
def terminated_backend():
    conn = connect()
    pid = one(conn, "SELECT pg_backend_pid()")
    with connect() as other:
        conn.execute("BEGIN")
        pid = one(conn, "SELECT pg_backend_pid()")
        equal(one(other, "SELECT pg_terminate_backend(%s)", (pid,)), True)
    time.sleep(0.3)
    e = raises(psycopg.OperationalError, conn.execute, "SELECT 1")
    equal(e.sqlstate, "57P01")
    assert conn.broken


# State of a session


@test
def advisory_locks():
    with connect() as a, connect() as b:
        equal(one(a, "SELECT pg_try_advisory_lock(1001)"), True)
        for _ in range(5):
            equal(one(b, "SELECT pg_try_advisory_lock(1001)"), False)
        equal(one(a, "SELECT pg_advisory_unlock(1001)"), True)
        equal(one(b, "SELECT pg_try_advisory_lock(1001)"), True)
        equal(one(b, "SELECT pg_advisory_unlock(1001)"), True)
        with a.transaction():
            a.execute("SELECT pg_advisory_xact_lock(1002)")
            equal(one(b, "SELECT pg_try_advisory_xact_lock(1002)"), False)
        equal(one(b, "SELECT pg_try_advisory_xact_lock(1002)"), True)


@test
def advisory_lock_is_released_at_the_end():
    a = connect()
    a.execute("SELECT pg_advisory_lock(1003)")
    a.close()
    with connect() as b:
        for _ in range(100):
            if one(b, "SELECT pg_try_advisory_lock(1003)"):
                return
            time.sleep(0.05)
    raise AssertionError("still held")


@test
def temporary_tables():
    with connect() as a, connect() as b:
        a.execute("CREATE TEMP TABLE tt (n int)")
        for i in range(20):
            a.execute("INSERT INTO tt VALUES (%s)", (i,))
            usable(b)
        equal(one(a, "SELECT sum(n) FROM tt"), 190)
        raises(E.UndefinedTable, b.execute, "SELECT * FROM tt")
        with a.transaction():
            a.execute("CREATE TEMP TABLE short (n int) ON COMMIT DROP")
        raises(E.UndefinedTable, a.execute, "SELECT * FROM short")
        a.execute("CREATE TEMP VIEW tv AS SELECT 9 AS n; CREATE TEMP SEQUENCE ts")
        equal((one(a, "SELECT n FROM tv"), one(a, "SELECT nextval('ts')"), one(a, "SELECT currval('ts')")), (9, 1, 1))


@test
def sequence_currval():
    with connect() as a, connect() as b:
        a.execute("DROP SEQUENCE IF EXISTS seq3; CREATE SEQUENCE seq3")
        v = one(a, "SELECT nextval('seq3')")
        usable(b)
        equal((one(a, "SELECT currval('seq3')"), one(a, "SELECT lastval()")), (v, v))
        a.execute("DROP SEQUENCE seq3")


@test
def settings():
    with connect() as a, connect() as b:
        for name, value, shown in [("work_mem", "'3MB'", "3MB"), ("search_path", "pg_catalog, public", "pg_catalog, public"),
                                   ("TimeZone", "'Asia/Tokyo'", "Asia/Tokyo"), ("DateStyle", "'SQL, DMY'", "SQL, DMY"),
                                   ("enable_seqscan", "off", "off"), ("extra_float_digits", "0", "0")]:
            before = one(b, f"SELECT current_setting('{name}', true)")
            a.execute(f"SET {name} = {value}")
            for _ in range(3):
                equal(one(a, f"SHOW {name}"), shown)
                equal(one(b, f"SELECT current_setting('{name}', true)"), before)
        a.execute("RESET work_mem")
        equal(one(a, "SHOW work_mem"), "4MB")
        a.execute("RESET ALL")
        equal(one(a, "SHOW TimeZone"), one(b, "SHOW TimeZone"))
        raises(E.UndefinedObject, a.execute, "SET nonsense = 1")
        raises(E.InvalidParameterValue, a.execute, "SET work_mem = 'x'")


@test
def settings_of_ones_own():
    with connect() as a, connect() as b:
        a.execute("SET my.own = 'x y'")
        for _ in range(5):
            equal(one(a, "SHOW my.own"), "x y")
            assert not one(b, "SELECT current_setting('my.own', true)")


@test
def settings_of_ones_own_are_unknown_to_others():
    with connect() as a, connect() as b:
        a.execute("SET my.other = 'x'")
        equal(one(a, "SHOW my.other"), "x")
        raises(E.UndefinedObject, b.execute, "SHOW my.other")
        a.execute("RESET my.other")
        equal(one(a, "SHOW my.other"), "")


@test
def settings_in_transactions():
    with connect() as a, connect() as b:
        with a.transaction(force_rollback=True):
            a.execute("SET work_mem = '7MB'")
            equal(one(a, "SHOW work_mem"), "7MB")
        usable(b)
        equal(one(a, "SHOW work_mem"), "4MB")
        with a.transaction():
            a.execute("SET LOCAL work_mem = '8MB'")
            equal(one(a, "SHOW work_mem"), "8MB")
        equal(one(a, "SHOW work_mem"), "4MB")
        with a.transaction():
            a.execute("SET work_mem = '9MB'")
            try:
                with a.transaction():
                    a.execute("SET work_mem = '10MB'")
                    a.execute("SELECT 1/0")
            except E.DivisionByZero:
                pass
        equal(one(a, "SHOW work_mem"), "9MB")
        equal(one(a, "SELECT set_config('work_mem', '11MB', false)"), "11MB")
        equal(one(a, "SELECT set_config('work_mem', '12MB', true)"), "12MB")
        equal(one(a, "SHOW work_mem"), "11MB")
        equal(one(b, "SHOW work_mem"), "4MB")
        a.execute("CREATE FUNCTION pg_temp.g() RETURNS void LANGUAGE plpgsql SET work_mem = '13MB' AS $$ BEGIN PERFORM set_config('enable_sort', 'off', false); END $$")
        a.execute("SELECT pg_temp.g()")
        equal((one(a, "SHOW work_mem"), one(a, "SHOW enable_sort")), ("11MB", "off"))


@test
def settings_parameter_status():
    with connect() as conn:
        for text, name, want in [("SET application_name = 'other'", "application_name", "other"), ("SET TimeZone = 'Asia/Tokyo'", "TimeZone", "Asia/Tokyo"),
                                 ("SET DateStyle = 'German'", "DateStyle", "German, DMY"), ("SET client_encoding = 'LATIN1'", "client_encoding", "LATIN1"),
                                 ("RESET client_encoding", "client_encoding", "UTF8"), ("SET IntervalStyle = 'iso_8601'", "IntervalStyle", "iso_8601"),
                                 ("SELECT set_config('application_name', 'by function', false)", "application_name", "by function"),
                                 ("SET default_transaction_read_only = on", "default_transaction_read_only", "on"),
                                 ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "default_transaction_read_only", "off")]:
            conn.execute(text)
            equal((text, conn.info.parameter_status(name)), (text, want))
        conn.execute("BEGIN; SET application_name = 'inside'")
        equal(conn.info.parameter_status("application_name"), "inside")
        conn.execute("ROLLBACK")
        equal(conn.info.parameter_status("application_name"), "by function")


@test
def discard_all():
    with connect() as conn:
        conn.execute("SET work_mem = '1MB'; PREPARE p AS SELECT 1; LISTEN x; CREATE TEMP TABLE dd (n int)")
        conn.execute("DISCARD ALL")
        equal(one(conn, "SHOW work_mem"), "4MB")
        raises(E.UndefinedTable, conn.execute, "SELECT * FROM dd")
        raises(E.InvalidSqlStatementName, conn.execute, "EXECUTE p")
        for what in ("PLANS", "SEQUENCES", "TEMP"):
            equal(conn.execute(f"DISCARD {what}").statusmessage, f"DISCARD {what}")
        with conn.transaction(force_rollback=True):
            raises(E.ActiveSqlTransaction, conn.execute, "DISCARD ALL")


@test
def encoding_latin1():
    with connect() as conn:
        conn.execute("SET client_encoding = 'LATIN1'")
        equal(one(conn, "SELECT %s::text", ("é",)), "é")
        equal(one(conn, "SELECT octet_length(%s)", ("é",)), 2)
        raises(E.UntranslatableCharacter, conn.execute, "SELECT U&'\\20AC'::text")
        conn.execute("RESET client_encoding")
        equal(one(conn, "SELECT U&'\\20AC'::text"), "€")
        r = conn.pgconn.exec_params(b"SELECT $1::text", [b"\xff\xfe"])
        equal(r.error_field(pq.DiagnosticField.SQLSTATE), b"22021")


@test
def role_and_session():
    with connect() as conn:
        user = os.environ["PGUSER"]
        equal(conn.execute("SELECT current_user, session_user, current_database()").fetchone(), (user, user, os.environ["PGDATABASE"]))
        conn.execute(f'SET ROLE "{user}"')
        equal(one(conn, "SHOW role"), user)
        conn.execute("RESET ROLE")
        equal(one(conn, "SHOW role"), "none")
        raises(E.InvalidParameterValue, conn.execute, "SET ROLE no_such_role")
        conn.execute("SET SESSION AUTHORIZATION DEFAULT")


@test
def session_variables_per_connection():
    conns = [connect() for _ in range(10)]
    for i, c in enumerate(conns):
        c.execute("SELECT set_config('app.id', %s, false)", (str(i),))
    for _ in range(5):
        for i, c in enumerate(conns):
            equal(one(c, "SELECT current_setting('app.id')"), str(i))
    for c in conns:
        c.close()


@test
def large_objects():
    with connect(autocommit=False) as conn:
        oid = one(conn, "SELECT lo_create(0)")
        fd = one(conn, "SELECT lo_open(%s, 393216)", (oid,))
        data = os.urandom(100_000)
        equal(one(conn, "SELECT lowrite(%s, %b)", (fd, data)), len(data))
        equal(one(conn, "SELECT lo_lseek(%s, 1000, 0)", (fd,)), 1000)
        equal(one(conn, "SELECT loread(%s, 500)", (fd,)), data[1000:1500])
        equal(one(conn, "SELECT lo_tell(%s)", (fd,)), 1500)
        equal(one(conn, "SELECT lo_close(%s)", (fd,)), 0)
        conn.commit()
        equal(one(conn, "SELECT lo_get(%s)", (oid,)), data)
        equal(one(conn, "SELECT lo_unlink(%s)", (oid,)), 1)
        conn.commit()
        equal(raises(E.UndefinedObject, conn.execute, "SELECT lo_get(%s)", (oid,)).sqlstate, "42704")


@test
def trace_functions_and_procedures():
    with connect() as conn:
        conn.execute("DROP PROCEDURE IF EXISTS proc3; CREATE PROCEDURE proc3(n int, INOUT m int) LANGUAGE plpgsql AS $$ BEGIN m := n + m; COMMIT; END $$")
        equal(conn.execute("CALL proc3(%s, %s)", (1, 2)).fetchone(), (3,))
        conn.execute("BEGIN")
        raises(E.InvalidTransactionTermination, conn.execute, "CALL proc3(1, 2)")
        conn.execute("ROLLBACK")
        conn.execute("DROP PROCEDURE proc3")


@test
def metadata():
    with connect() as conn:
        conn.execute("DROP TABLE IF EXISTS meta3; CREATE TABLE meta3 (id int PRIMARY KEY, s varchar(9) NOT NULL DEFAULT 'x', n numeric(5,2))")
        equal(conn.execute("SELECT column_name, data_type, is_nullable, character_maximum_length FROM information_schema.columns WHERE table_name = 'meta3' ORDER BY ordinal_position").fetchall(),
              [("id", "integer", "NO", None), ("s", "character varying", "NO", 9), ("n", "numeric", "YES", None)])
        equal(conn.execute("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'meta3'::regclass").fetchall(),
              [("meta3_pkey", "PRIMARY KEY (id)")])
        conn.execute("DROP TABLE meta3")


# Many at a time


@test
def concurrency_threads():
    with connect() as setup:
        setup.execute("DROP TABLE IF EXISTS conc3; CREATE TABLE conc3 (id int PRIMARY KEY, v int); INSERT INTO conc3 SELECT g, 0 FROM generate_series(1, 10) g")
    failures = []

    def work(i):
        try:
            with connect(autocommit=False) as c:
                for k in range(50):
                    c.execute("UPDATE conc3 SET v = v + 1 WHERE id = %s", (1 + (i + k) % 10,))
                    c.commit()
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    equal(failures, [])
    with connect() as c:
        equal(one(c, "SELECT sum(v) FROM conc3"), 1000)
        c.execute("DROP TABLE conc3")


@test
def pool():
    with psycopg_pool.ConnectionPool("", min_size=2, max_size=8, kwargs={"autocommit": True}) as p:
        results = []

        def work(i):
            for _ in range(20):
                with p.connection() as c:
                    results.append(one(c, "SELECT %s::int", (i,)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        equal(len(results), 400)
        p.check()


@test
async def async_concurrency():
    async def work(i):
        async with await psycopg.AsyncConnection.connect("", autocommit=True) as c:
            for k in range(20):
                cur = await c.execute("SELECT %s::int, %s::text", (i, f"{k}"))
                equal(await cur.fetchone(), (i, str(k)))

    await asyncio.gather(*(work(i) for i in range(30)))


@test
async def async_pipeline_and_copy():
    async with await psycopg.AsyncConnection.connect("", autocommit=True) as c:
        await c.execute("CREATE TEMP TABLE ap (n int)")
        async with c.pipeline():
            for i in range(500):
                await c.execute("INSERT INTO ap VALUES (%s)", (i,))
        cur = c.cursor()
        async with cur.copy("COPY ap TO STDOUT") as copy:
            equal(len([r async for r in copy.rows()]), 500)


@test
async def async_cancelled_task():
    async with await psycopg.AsyncConnection.connect("", autocommit=True) as c:
        task = asyncio.create_task(c.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.3)
        task.cancel()
        try:
            await task
        except (asyncio.CancelledError, E.QueryCanceled):
            pass
        cur = await c.execute("SELECT 1")
        equal(await cur.fetchone(), (1,))


@test
async def async_notifies():
    async with await psycopg.AsyncConnection.connect("", autocommit=True) as a, await psycopg.AsyncConnection.connect("", autocommit=True) as b:
        await a.execute("LISTEN an")

        async def send():
            await asyncio.sleep(0.3)
            await b.execute("NOTIFY an, 'later'")

        task = asyncio.create_task(send())
        equal([n.payload async for n in a.notifies(timeout=20, stop_after=1)], ["later"])
        await task


if __name__ == "__main__":
    main()
