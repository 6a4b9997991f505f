-- Errors and notices in all that PostgreSQL says of them, source lines included.
CREATE TABLE p (id int PRIMARY KEY, t text NOT NULL CHECK (t <> 'never'));
CREATE TABLE f (id int REFERENCES p);
CREATE FUNCTION raises(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'number %', n USING HINT = 'a hint', DETAIL = 'a detail';
	IF n = 0 THEN
		RAISE EXCEPTION 'own' USING ERRCODE = 'P1234', DETAIL = 'd', HINT = 'h', COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 't', TABLE = 'b', SCHEMA = 's';
	END IF;
	RETURN raises(n - 1);
END
$$;
\set mistakes 'SELEC 1;'
\set level 0
\i mistakes.sql
\set VERBOSITY verbose
\i mistakes.sql
\set VERBOSITY terse
\i mistakes.sql
\set VERBOSITY sqlstate
\i mistakes.sql
\set VERBOSITY default
\set SHOW_CONTEXT always
\i mistakes.sql
\set SHOW_CONTEXT never
\i mistakes.sql
\set SHOW_CONTEXT errors
SELECT 1/0;
\errverbose
SELECT 1;
\errverbose
SET client_min_messages = debug1;
DROP TABLE IF EXISTS missing;
CREATE TABLE noisy (id serial PRIMARY KEY);
SET client_min_messages = error;
DROP TABLE IF EXISTS missing;
RESET client_min_messages;
SET lc_messages = 'C';
SELECT 'ä', x, 'ö';
SELECT 'ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää', missing;
SELECT 1,
	2,
	missing
FROM nowhere;
DROP TABLE f, p, noisy; DROP FUNCTION raises;
