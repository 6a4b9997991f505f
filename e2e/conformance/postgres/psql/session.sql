-- What a session keeps: settings, temporary tables, cursors, statements, locks, channels, roles.
SHOW application_name; SHOW search_path; SHOW client_encoding; SHOW TimeZone; SHOW DateStyle; SHOW is_superuser; SHOW session_authorization;
SELECT current_user, session_user, current_database(), current_schema(), inet_server_port() IS NOT NULL;
SET application_name = 'changed'; SHOW application_name; SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid();
SET TimeZone = 'Asia/Tokyo'; SELECT '2020-02-01 00:00:00+00'::timestamptz; SET DateStyle = 'German, DMY'; SELECT '2020-02-01'::date; SET IntervalStyle = 'iso_8601'; SELECT '1 year 2 days 3 hours'::interval;
SET search_path = pg_catalog; SELECT 'pg_class'::regclass; SET search_path TO DEFAULT; SET extra_float_digits = 0; SELECT 0.1::float8 + 0.2; SET bytea_output = 'escape'; SELECT '\x0061ff'::bytea;
BEGIN; SET LOCAL work_mem = '77kB'; SHOW work_mem; SET work_mem = '88kB'; SHOW work_mem; ROLLBACK; SHOW work_mem;
BEGIN; SET work_mem = '99kB'; COMMIT; SHOW work_mem; RESET work_mem; SHOW work_mem;
SELECT set_config('work_mem', '111kB', false), set_config('my.own', 'value', true), current_setting('work_mem'); SELECT current_setting('my.own', true);
SET my.own = 'kept'; SHOW my.own; SET LOCAL my.own = 'outside'; SHOW my.own; SET "My"."Own" = 'quoted'; SHOW my.own;
BEGIN; SAVEPOINT a; SET my.own = 'in savepoint'; ROLLBACK TO a; SHOW my.own; COMMIT;
SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE; SHOW TimeZone; SET TIME ZONE LOCAL; SET SESSION SCHEMA 'public'; SET NAMES 'LATIN1'; SHOW client_encoding; RESET client_encoding; SET SEED TO 0.5; SELECT random() BETWEEN 0 AND 1; SET XML OPTION CONTENT; SHOW xmloption;
SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY name;
RESET ALL; SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY name; SHOW application_name;
CREATE TEMP TABLE tt (a int); INSERT INTO tt VALUES (1), (2); SELECT * FROM tt; CREATE TEMP VIEW tv AS SELECT * FROM tt; SELECT count(*) FROM tv; CREATE TEMP SEQUENCE ts; SELECT nextval('ts'); SELECT currval('ts'), lastval();
CREATE TEMP TABLE td (a int) ON COMMIT DROP; SELECT * FROM td; BEGIN; CREATE TEMP TABLE td (a int) ON COMMIT DELETE ROWS; INSERT INTO td VALUES (1); SELECT * FROM td; COMMIT; SELECT * FROM td;
SELECT 1 AS a INTO TEMP into_temp; TABLE into_temp;
PREPARE s (int, text) AS SELECT $1 + 1, $2; EXECUTE s(41, 'x'); PREPARE s AS SELECT 1; EXECUTE s(1); SELECT name, statement, parameter_types FROM pg_prepared_statements WHERE from_sql; EXPLAIN (COSTS OFF) EXECUTE s(1, 'y'); DEALLOCATE s; EXECUTE s(1, 'z'); PREPARE q AS SELECT 2; DEALLOCATE ALL; EXECUTE q;
PREPARE ins AS INSERT INTO tt VALUES ($1) RETURNING a; EXECUTE ins(3); CREATE TEMP TABLE ct AS EXECUTE ins(4);
BEGIN; DECLARE c SCROLL CURSOR FOR SELECT g FROM generate_series(1, 10) g; FETCH 2 FROM c; MOVE FORWARD 3 IN c; FETCH c; FETCH BACKWARD 2 FROM c; FETCH ALL c; FETCH FIRST FROM c; FETCH ABSOLUTE -1 FROM c; SELECT name, is_scrollable FROM pg_cursors; CLOSE c; FETCH c; ROLLBACK;
DECLARE o CURSOR FOR SELECT 1;
BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT g FROM generate_series(1, 5) g; FETCH 2 FROM h; COMMIT; FETCH 2 FROM h; CLOSE h; FETCH h;
BEGIN; DECLARE u CURSOR FOR SELECT * FROM tt FOR UPDATE; FETCH u; UPDATE tt SET a = 100 WHERE CURRENT OF u; DELETE FROM tt WHERE CURRENT OF u; COMMIT; SELECT * FROM tt ORDER BY a;
SELECT pg_advisory_lock(1), pg_try_advisory_lock(2), pg_advisory_lock_shared(3, 4); SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'; SELECT pg_advisory_unlock(1), pg_advisory_unlock(5); SELECT pg_advisory_unlock_all(); SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
LISTEN a; NOTIFY a; NOTIFY a, 'with payload'; SELECT pg_notify('a', 'by function'); SELECT pg_listening_channels(); UNLISTEN a; NOTIFY a, 'unheard'; BEGIN; LISTEN b; NOTIFY b, 'late'; SELECT 1; COMMIT; UNLISTEN *; SELECT pg_listening_channels();
SET ROLE other; SELECT current_user, session_user; SELECT * FROM tt; RESET ROLE; SELECT current_user; SET ROLE missing; SET SESSION AUTHORIZATION other; SELECT session_user; RESET SESSION AUTHORIZATION; SET LOCAL ROLE other;
BEGIN; SET LOCAL ROLE other; SELECT current_user; COMMIT; SELECT current_user;
DISCARD PLANS; DISCARD SEQUENCES; SELECT currval('ts'); DISCARD TEMP; SELECT * FROM tt; SET work_mem = '1MB'; DISCARD ALL; SHOW work_mem; BEGIN; DISCARD ALL; ROLLBACK;
SELECT pg_backend_pid() = pg_backend_pid(), pg_is_in_recovery(), version() LIKE 'PostgreSQL%', pg_client_encoding();
SELECT pg_cancel_backend(pg_backend_pid());
SELECT 'after the cancel';
LOAD 'auto_explain'; CHECKPOINT; SHOW ALL \g |wc -l
\encoding
\encoding LATIN1
SELECT 'é' AS e, length('é'), convert_from('\xe9', 'LATIN1');
\encoding SJIS
SELECT convert_from('\x93fa967b', 'SJIS');
\encoding UTF8
SELECT convert_from('\x93fa967b', 'SJIS'), '日本';
SET client_encoding = 'SQL_ASCII'; SELECT '日本'; SET client_encoding = 'nonsense'; SET client_encoding = 'UTF8';
\c
SHOW work_mem; SELECT current_user;
\c conformance
\c "dbname=conformance user=conform application_name=again options='-c work_mem=3MB -c search_path=pg_catalog'"
SHOW application_name; SHOW work_mem; SHOW search_path; RESET ALL; SHOW work_mem;
\c missing
\c - missing
SELECT 'still connected';
\c -reuse-previous=on "dbname=conformance options='-c nonsense=1'"
\c -reuse-previous=on "dbname=conformance options=-cwork_mem=much"
SELECT current_database();
