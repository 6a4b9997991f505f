// Package java has the suite of PostgreSQL's JDBC driver: a program of ours, Conformance.java.
package java
