-- Parameters with a dot are the client's own.
SHOW my.own
-- differs: no value stands in a message
SELECT current_setting('my.own')
SELECT current_setting('my.own', true)
SET my.own = 'one'
SHOW my.own
SHOW MY.OWN
SELECT current_setting('My.Own'), current_setting('my.other', true) AS other
SELECT set_config('my.own', 'two', false)
SHOW my.own
BEGIN
SET LOCAL my.own = 'three'
SELECT current_setting('my.own')
SAVEPOINT a
SELECT set_config('my.own', 'four', true)
ROLLBACK TO a
SHOW my.own
COMMIT
SHOW my.own
RESET my.own
SHOW my.own
RESET my.nothing
SET my.own TO DEFAULT
SET my.list = 'a', 'b'
SET one.two.three = 3
SHOW one.two.three
SET "with blank".x = 1
SET "x.1y" = 1
BEGIN
SET my.late = 'x'
ROLLBACK
SHOW my.late
SELECT id FROM customers WHERE id = 1

-- set_config and current_setting of others.
SELECT set_config('TimeZone', 'Asia/Tokyo', false) AS zone
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
SELECT set_config('timezone', 'UTC', 'f'), current_setting('TIMEZONE')
SELECT set_config('application_name', 'by call', false)
SELECT set_config('application_name', NULL, false)
SELECT set_config(NULL, 'x', false)
-- differs: no value stands in a message
SELECT set_config('nosuch', 'x', false)
-- differs: no value stands in a message
SELECT current_setting('nosuch')
-- differs: no value stands in a message
SELECT current_setting('nosuch', false)
SELECT current_setting('nosuch', true)
SELECT current_setting(NULL)
SELECT current_setting('application_name', NULL)
SELECT set_config('server_version', '9', false)
-- differs: no value stands in a message
SELECT set_config('TimeZone', 'nowhere', false)
SELECT set_config('search_path', 'public, pg_catalog', false)
SHOW search_path
SELECT set_config('jit', 'off', false) AS new, current_setting('jit') AS cur
SELECT pg_catalog.set_config('statement_timeout', '1min', true), pg_catalog.current_setting('statement_timeout')
SHOW statement_timeout
SELECT set_config('transaction_read_only', 'on', true)
BEGIN
SELECT set_config('transaction_read_only', 'on', true)
INSERT INTO customers (id, name, email) VALUES (20, 'a', 'a')
ROLLBACK
SHOW transaction_read_only

-- What drivers and frameworks send.
SET client_encoding = 'UTF8'
SET NAMES 'utf8'
SET SESSION timezone TO 'UTC'
SET intervalstyle = iso_8601
SHOW IntervalStyle
SET DATESTYLE TO 'ISO'
SET extra_float_digits = 3
SET client_min_messages TO warning
SET standard_conforming_strings = on
SET synchronous_commit TO off
SET bytea_output = hex
SET idle_in_transaction_session_timeout = '10min'
SHOW idle_in_transaction_session_timeout
SET lock_timeout = 0
SET statement_timeout TO '90 s'
SHOW statement_timeout
SET work_mem = '7MB'
SHOW work_mem
SET work_mem = 65536
SHOW work_mem
SELECT id FROM customers WHERE id = 2
RESET work_mem
SET enable_seqscan = off
SHOW enable_seqscan
SELECT id FROM customers WHERE id = 2
SET jit = off
SET random_page_cost = 1.1
SHOW random_page_cost
SET row_security = off
SET escape_string_warning TO 0
SHOW transaction isolation level
SHOW TIME ZONE
SHOW server_encoding
SHOW max_identifier_length
SHOW role
SET ROLE NONE
RESET ROLE
SET SESSION AUTHORIZATION DEFAULT
RESET SESSION AUTHORIZATION
RESET ALL
SHOW IntervalStyle
SHOW work_mem
CLOSE ALL
DISCARD PLANS
DISCARD SEQUENCES
DISCARD TEMP
DISCARD TEMPORARY
DEALLOCATE ALL
BEGIN
DISCARD PLANS
DISCARD ALL
ROLLBACK

-- Time zones by their distance from UTC.
SET TIME ZONE 2
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
SET TIME ZONE -5.5
SHOW TimeZone
SELECT created_at FROM customers WHERE id = 1
SELECT created_at FROM customers WHERE created_at = '2024-07-01 06:30:00'
SET TimeZone = '-3'
SHOW TimeZone
SET TIME ZONE DEFAULT
SHOW TimeZone
SET TIME ZONE 'UTC'
SET TimeZone TO 'Europe/Berlin'
SELECT created_at FROM customers WHERE id = 1

-- The modes of a transaction.
BEGIN
SET transaction_isolation TO DEFAULT
SHOW transaction_isolation
SET transaction_read_only TO on
SHOW transaction_read_only
SET transaction_read_only TO DEFAULT
SHOW transaction_read_only
ROLLBACK
