// Package psqltable prints results and errors of PostgreSQL as psql prints them: the aligned format with psql's default
// settings, and errors with their LINE, DETAIL and HINT. A test compares it with psql itself.
//
// It prints for the eyes of people at a demonstration, not for programs: a cell is one line (line ends and other control
// characters are shown as escapes, where psql would begin a new line), and every character is taken to be one column wide.
package psqltable
