-- Large objects, types of all kinds, DDL, plans, functions.
\lo_import included.sql 'a comment'
\lo_export :LASTOID exported.txt
\! cmp included.sql exported.txt && echo the same
SELECT convert_from(lo_get(:LASTOID, 0, 6), 'UTF8'), obj_description(:LASTOID, 'pg_largeobject');
\lo_unlink :LASTOID
\lo_unlink :LASTOID
\set oid 4242424
SELECT lo_from_bytea(:oid, 'of a known oid'); COMMENT ON LARGE OBJECT :oid IS 'a comment';
\lo_list
\lo_list+
\lo_export :oid exported.txt
\! cat exported.txt; echo
BEGIN; SELECT lo_open(:oid, 393216) AS fd \gset
SELECT convert_from(loread(:fd, 10), 'UTF8'); SELECT lo_lseek(:fd, 0, 2) > 0; SELECT lowrite(:fd, 'more'); SELECT lo_close(:fd); COMMIT;
SELECT length(lo_get(:oid)); SELECT lo_put(:oid, 0, 'X'); SELECT convert_from(lo_get(:oid, 0, 5), 'UTF8'); SELECT lo_from_bytea(0, 'abc') > 0;
\lo_unlink :oid
\lo_unlink :oid
\lo_export :oid exported.txt
\lo_import missing.txt
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
SELECT 1::int2, 2::int4, 3::int8, 1.5::float4, 2.5::float8, 'NaN'::float8, '-Infinity'::float8, 123456789012345678901234567890.123::numeric, 'NaN'::numeric, 'Infinity'::numeric, '$1.50'::money, true, 'c'::char(3), 'v'::varchar(2), 'n'::name, 'x'::"char", E'\\x01'::bytea;
SELECT '2020-02-29'::date, '12:34:56.789'::time, '12:34:56+02'::timetz, '2020-02-29 12:34:56'::timestamp, '2020-02-29 12:34:56+00'::timestamptz, '1 year 2 mons 3 days 04:05:06.7'::interval, 'infinity'::timestamp, '-infinity'::date;
SELECT '(1,2)'::point, '[(0,0),(1,1)]'::lseg, '(1,1),(0,0)'::box, '((0,0),(1,1),(2,0))'::path, '((0,0),(1,1),(2,0))'::polygon, '<(0,0),1>'::circle, '{1,2,3}'::line, '192.168.0.1/24'::inet, '10.0.0.0/8'::cidr, '08:00:2b:01:02:03'::macaddr, '08:00:2b:01:02:03:04:05'::macaddr8;
SELECT '{"a": [1, 2]}'::json, '{"a": [1, 2], "b": null}'::jsonb, '$.a[*]'::jsonpath, '<a/>'::xml, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, B'101'::bit(3), B'1'::varbit, 'a & b'::tsquery, 'a:1 b:2'::tsvector, '16/B374D848'::pg_lsn, '10:20:10,14'::pg_snapshot, 'a=>1'::hstore;
SELECT '{1,2}'::int[], '{{a,b},{c,NULL}}'::text[], '[2:3]={1,2}'::int[], '[1,5)'::int4range, '{[1,2),[3,4)}'::int4multirange, 'empty'::tsrange, ROW(1, 'a', NULL), ROW(), 'pg_class'::regclass, 'int4'::regtype, 'now'::regproc, 'public'::regnamespace, 'conform'::regrole, 'english'::regconfig;
CREATE TABLE o (id int, v text); ALTER TABLE o ADD COLUMN w int DEFAULT 5; ALTER TABLE o RENAME v TO vv; ALTER TABLE o ALTER w TYPE text USING w::text; COMMENT ON TABLE o IS 'c'; INSERT INTO o VALUES (1, 'a'), (2, 'b'), (3, 'c');
UPDATE o SET vv = upper(vv) WHERE id < 3 RETURNING *; DELETE FROM o WHERE id = 3 RETURNING id; INSERT INTO o (id) VALUES (9) ON CONFLICT DO NOTHING; MERGE INTO o USING (VALUES (1, 'm'), (5, 'n')) s (id, v) ON o.id = s.id WHEN MATCHED THEN UPDATE SET vv = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v); TABLE o;
EXPLAIN (COSTS OFF) SELECT * FROM o WHERE id = 1; EXPLAIN (COSTS OFF, FORMAT json) SELECT 1; EXPLAIN (COSTS OFF, VERBOSE) UPDATE o SET id = 2; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM o;
CREATE VIEW ov AS SELECT id FROM o WHERE id > 1 WITH CHECK OPTION; INSERT INTO ov VALUES (0); INSERT INTO ov VALUES (7); DROP TABLE o; DROP TABLE o CASCADE; TRUNCATE missing;
CREATE FUNCTION fs() RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, 3)'; SELECT fs(), fs(); SELECT * FROM fs() WITH ORDINALITY; CREATE OR REPLACE FUNCTION fs() RETURNS SETOF text LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION fs() RENAME TO fs2; DROP FUNCTION fs2(); DROP FUNCTION fs2();
CREATE FUNCTION cur(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN c FOR SELECT generate_series(1, 2); RETURN c; END $$; BEGIN; SELECT cur('mine'); FETCH ALL IN mine; COMMIT;
CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % on %', TG_WHEN, TG_OP, TG_TABLE_NAME; RETURN NEW; END $$; CREATE TABLE tr (a int); CREATE TRIGGER tr AFTER INSERT OR UPDATE ON tr FOR EACH STATEMENT EXECUTE FUNCTION trig(); INSERT INTO tr VALUES (1); UPDATE tr SET a = 2; DROP TABLE tr; DROP FUNCTION trig, cur;
SELECT pg_sleep(0.01); SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'information_schema'; SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1;
SELECT has_table_privilege('pg_class', 'SELECT'), pg_get_userbyid(10), obj_description('pg_class'::regclass), format_type(1043, 14), pg_typeof(1.5), to_regclass('missing');
REFRESH MATERIALIZED VIEW missing; CLUSTER; GRANT SELECT ON pg_class TO other; REVOKE ALL ON SCHEMA public FROM other; CREATE DATABASE another; DROP DATABASE missing; ALTER ROLE conform SET work_mem = '4MB'; ALTER ROLE conform RESET work_mem; SECURITY LABEL ON TABLE pg_class IS 'x';
