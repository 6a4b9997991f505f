"""PostgreSQL's ODBC driver, through pyodbc, against a server: each test is an application's use of one feature. Most run
under several of the driver's settings, of which they bear the name."""

import datetime as dt
import decimal
import os
import sys
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))

import pyodbc

from harness import environment, equal, main, raises, tests

pyodbc.pooling = False
DRIVER = os.environ.get("CONFORMANCE_ODBC", "PostgreSQL Unicode")

SETTINGS = {
    "plain": "",
    "unprepared": "UseServerSidePrepare=0;",
    "prepared": "UseServerSidePrepare=1;",
    "fetching": "UseDeclareFetch=1;Fetch=7;",
    "statement": "Protocol=7.4-2;",  # after an error, roll back the statement only: by savepoints
    "transaction": "Protocol=7.4-1;",
}


def connect(more="", autocommit=True, **kwargs):
    values = {"Server": os.environ["PGHOST"], "Port": os.environ["PGPORT"], "Uid": os.environ["PGUSER"], "Pwd": os.environ["PGPASSWORD"],
              "Database": os.environ["PGDATABASE"], "SSLmode": "disable", **kwargs}
    return pyodbc.connect(f"Driver={{{DRIVER}}};" + "".join(f"{k}={v};" for k, v in values.items()) + more,
                          autocommit=autocommit)


def each(f):
    for name, more in SETTINGS.items():
        tests.append((f"{f.__name__}/{name}", lambda f=f, more=more: f(more)))
    return f


def test(f):
    tests.append((f.__name__, f))
    return f


def one(c, query, *args):
    return c.execute(query, *args).fetchone()[0]


def usable(c):
    equal(one(c, "SELECT 41 + ?::int", 1), 42)


def fails(state, f, *args):
    e = raises(pyodbc.Error, f, *args)
    equal(e.args[0], state)
    return e


@test
def connect_wrong_password():
    e = raises(pyodbc.Error, lambda: connect(Pwd="wrong"))
    assert "password authentication failed" in str(e), e


@test
def connect_unknown_user():
    e = raises(pyodbc.Error, lambda: connect(Uid="nobody_at_all"))
    assert 'password authentication failed for user "nobody_at_all"' in str(e), e


@test
def connect_unknown_database():
    e = raises(pyodbc.Error, lambda: connect(Database="no_such_database"))
    assert 'database "no_such_database" does not exist' in str(e), e


@test
def connect_settings():
    c = connect("ConnSettings={SET work_mem = '3MB'};")
    equal(one(c, "SHOW work_mem"), "3MB")
    c = connect("pqopt={application_name=odbc_app options='-c statement_timeout=77s'};")
    equal((one(c, "SHOW application_name"), one(c, "SHOW statement_timeout")), ("odbc_app", "77s"))


@test
def connect_tls():
    environment("CONFORMANCE_CA")
    usable(connect(SSLmode="require"))


@test
def connect_many():
    for _ in range(50):
        c = connect()
        usable(c)
        c.close()


@each
def types(more):
    c = connect(more)
    for name, value in [("int2", 7), ("int4", -2147483648), ("int8", 9223372036854775807), ("float8", 0.1), ("numeric(30,10)", decimal.Decimal("12345678901234567890.1234567890")),
                        ("text", "it's \\ \"q\" äé\n\t"), ("varchar(300)", "é" * 200), ("bytea", bytes(range(256))), ("date", dt.date(2024, 2, 29)),
                        ("time", dt.time(1, 2, 3)), ("timestamp", dt.datetime(2000, 1, 1, 1, 2, 3, 123456)), ("text", "")]:
        for _ in range(2):
            equal(one(c, f"SELECT ?::{name}", value), value)
    equal(str(one(c, "SELECT ?::uuid", uuid.UUID(int=5))).lower(), str(uuid.UUID(int=5)))
    equal(tuple(c.execute("SELECT NULL::int, NULL::text, ?::text", None).fetchone()), (None, None, None))
    assert one(c, "SELECT true") in (True, "1")


@each
def large(more):
    c = connect(more + "MaxLongVarcharSize=20000000;")
    equal(one(c, "SELECT length(?::text)", "z" * 1_000_000), 1_000_000)
    equal(len(one(c, "SELECT repeat('y', 1000000)")), 1_000_000)
    rows = c.execute("SELECT g, repeat('x', 50) FROM generate_series(1, 20000) g").fetchall()
    equal((len(rows), rows[-1][0]), (20000, 20000))


@each
def parameters_1000(more):
    c = connect(more)
    equal(one(c, "SELECT cardinality(ARRAY[" + ",".join(["?::int"] * 1000) + "])", *range(1000)), 1000)


@each
def prepared_again_and_again(more):
    c = connect(more)
    cur = c.cursor()
    for i in range(50):
        equal(cur.execute("SELECT ?::int * 2", i).fetchone()[0], 2 * i)
    for i in range(300):
        equal(cur.execute(f"SELECT {i} + ?::int", 1).fetchone()[0], i + 1)


@each
def insert_many(more):
    c = connect(more)
    c.execute("CREATE TEMP TABLE im (a int, b varchar(20))")
    for fast in (False, True):
        cur = c.cursor()
        cur.fast_executemany = fast
        cur.executemany("INSERT INTO im VALUES (?, ?)", [(i, f"row {i}") for i in range(500)])
    equal(one(c, "SELECT count(*) FROM im"), 1000)
    equal(c.execute("UPDATE im SET b = 'x'").rowcount, 1000)


@each
def transactions(more):
    c = connect(more, autocommit=False)
    c.execute("CREATE TEMP TABLE t (n int)")
    c.commit()
    c.execute("INSERT INTO t VALUES (?)", 1)
    c.rollback()
    equal(one(c, "SELECT count(*) FROM t"), 0)
    c.execute("INSERT INTO t VALUES (?)", 2)
    c.commit()
    fails("22012", c.execute, "SELECT 1/0")
    c.rollback()
    equal(one(c, "SELECT count(*) FROM t"), 1)
    c.rollback()


@each
def errors(more):
    c = connect(more)
    c.execute("CREATE TEMP TABLE err (id int PRIMARY KEY, n int NOT NULL)")
    c.execute("INSERT INTO err VALUES (1, 1)")
    for _ in range(3):
        e = raises(pyodbc.IntegrityError, c.execute, "INSERT INTO err VALUES (?, ?)", 1, 1)
        assert e.args[0] in ("23505", "23000"), e
        assert "Key (id)=(1) already exists." in e.args[1], e
    raises(pyodbc.IntegrityError, c.execute, "INSERT INTO err VALUES (2, NULL)")
    assert raises(pyodbc.Error, c.execute, "SELECT nope FROM err").args[0] in ("42703", "42S22")
    assert raises(pyodbc.Error, c.execute, "SELECT * FROM missing").args[0] in ("42P01", "42S02")
    usable(c)


@each
def error_in_a_statement_of_a_transaction(more):
    c = connect(more, autocommit=False)
    c.execute("CREATE TEMP TABLE t (n int)")
    c.execute("INSERT INTO t VALUES (1)")
    fails("22012", c.execute, "SELECT 1/0")
    if "7.4-2" in more:
        equal(one(c, "SELECT count(*) FROM t"), 1)
    c.rollback()
    usable(c)


@each
def several(more):
    c = connect(more)
    cur = c.execute("SELECT 1; SELECT 2")
    equal(cur.fetchall()[0][0], 1)
    assert cur.nextset()
    equal(cur.fetchall()[0][0], 2)


@each
def schema_change(more):
    c = connect(more)
    c.execute("CREATE TEMP TABLE ch (a int)")
    c.execute("INSERT INTO ch VALUES (1)")
    cur = c.cursor()
    cur.execute("SELECT * FROM ch WHERE 1 = ?", 1).fetchall()
    cur.close()
    c.execute("ALTER TABLE ch ADD b int")
    cur = c.cursor()
    equal(len(cur.execute("SELECT * FROM ch WHERE 1 = ?", 1).fetchall()[0]), 2)


@each
def catalog(more):
    c = connect(more)
    name = "md_odbc"
    c.execute(f"DROP TABLE IF EXISTS {name}")
    c.execute(f"CREATE TABLE {name} (id serial PRIMARY KEY, s varchar(9) NOT NULL, n numeric(5,2))")
    equal([r.table_name for r in c.cursor().tables(table=name)], [name])
    equal([(r.column_name, r.type_name) for r in c.cursor().columns(table=name)], [("id", "int4"), ("s", "varchar"), ("n", "numeric")])
    equal([r[3] for r in c.cursor().primaryKeys(table=name)], ["id"])
    assert c.cursor().statistics(name).fetchall()
    assert c.cursor().getTypeInfo().fetchall()
    c.cursor().foreignKeys(table=name).fetchall()
    equal(c.getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")
    c.execute(f"DROP TABLE {name}")


@test
def isolation():
    for level, name in [(pyodbc.SQL_TXN_READ_COMMITTED, "read committed"), (pyodbc.SQL_TXN_REPEATABLE_READ, "repeatable read"), (pyodbc.SQL_TXN_SERIALIZABLE, "serializable")]:
        c = connect(autocommit=False)
        c.set_attr(pyodbc.SQL_ATTR_TXN_ISOLATION, level)
        equal(one(c, "SHOW transaction_isolation"), name)
        c.rollback()


@test
def cancel():
    c = connect()
    cur = c.cursor()
    timer = threading.Timer(0.3, cur.cancel)
    timer.start()
    e = raises(pyodbc.Error, cur.execute, "SELECT pg_sleep(60)")
    assert e.args[0] in ("57014", "HY008"), e
    timer.join()
    usable(c)


@test
def state_of_a_session():
    a, b = connect(), connect()
    a.execute("SET work_mem = '3MB'")
    a.execute("CREATE TEMP TABLE tt (n int)")
    one(a, "SELECT pg_advisory_lock(333)::text")
    for i in range(5):
        a.execute("INSERT INTO tt VALUES (?)", i)
        equal((one(a, "SHOW work_mem"), one(b, "SHOW work_mem")), ("3MB", "4MB"))
        assert not int(one(b, "SELECT pg_try_advisory_lock(333)::int"))
    equal(one(a, "SELECT sum(n) FROM tt"), 10)


@test
def concurrency():
    c = connect()
    c.execute("DROP TABLE IF EXISTS conc_odbc")
    c.execute("CREATE TABLE conc_odbc (id int PRIMARY KEY, v int)")
    c.execute("INSERT INTO conc_odbc SELECT g, 0 FROM generate_series(1, 10) g")
    failures = []

    def work(i):
        try:
            d = connect(autocommit=False)
            for k in range(20):
                d.execute("UPDATE conc_odbc SET v = v + 1 WHERE id = ?", 1 + (i + k) % 10)
                d.commit()
            d.close()
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(10)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    equal(failures, [])
    equal(one(c, "SELECT sum(v) FROM conc_odbc"), 200)
    c.execute("DROP TABLE conc_odbc")


if __name__ == "__main__":
    main()
