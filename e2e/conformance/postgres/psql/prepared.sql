-- What the server says of prepared statements.
SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements;
PREPARE s (int, text) AS SELECT $1 + 1, $2;
SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements;
DEALLOCATE ALL;
SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements;
