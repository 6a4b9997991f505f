// Package perl has the suite of Perl's DBD::Pg: a program of ours, dbd_suite.pl.
package perl
