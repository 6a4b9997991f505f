// Package php has the suite of PHP's PDO and of its pgsql functions: a program of ours, pdo_suite.php.
package php
