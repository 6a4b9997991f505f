-- What psql shows of what it sends.
\set ECHO all
SELECT 1;
SELECT 2 \; SELECT 3;
\set ECHO queries
SELECT 4;
\d missing
\set ECHO errors
SELECT 5;
SELECT missing;
\set ECHO none
\set ECHO_HIDDEN on
\dt
\d pg_am
\df pg_sleep
\sf pg_sleep
\dn
\l nothing
\set ECHO_HIDDEN noexec
\du
\set ECHO_HIDDEN off
\set QUIET on
CREATE TEMP TABLE q (a int);
\set QUIET off
CREATE TEMP TABLE q2 (a int);
\set ON_ERROR_STOP on
\i missing.sql
SELECT missing;
SELECT 'not reached';
