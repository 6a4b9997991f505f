// Package odbc has the suite of PostgreSQL's ODBC driver: a program of ours, odbc_suite.py, which speaks to it through
// unixODBC and Python's pyodbc. What pip installs for it, with versions, is in odbc.txt.
package odbc
