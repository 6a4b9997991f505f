package rewrite

import (
	"testing"

	pg_query "github.com/pganalyze/pg_query_go/v5"
)

func TestSameTree(t *testing.T) {
	const base = "SELECT a, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5"
	parsed := func(sql string) *pg_query.Node {
		n, refusal := parse(sql)
		if refusal != nil {
			t.Fatal(sql, refusal)
		}
		return n
	}
	for _, same := range []string{base, "select a,  /* x */ count(*)\nfrom t where a = $1 and b is null order by 1 limit 5"} {
		if !sameTree(parsed(base), parsed(same)) {
			t.Errorf("%q differs", same)
		}
	}
	for _, other := range []string{
		"SELECT b, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(a) FROM t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM ONLY t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $2 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 OR b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 AND b IS NOT NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 2 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 0 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 1 DESC LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a = $1 AND b IS NULL ORDER BY 1",
		"SELECT a, count(*), a FROM t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t WHERE a <> $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"SELECT a, count(*) FROM t AS t WHERE a = $1 AND b IS NULL ORDER BY 1 LIMIT 5",
		"DELETE FROM t",
	} {
		if sameTree(parsed(base), parsed(other)) {
			t.Errorf("%q is taken for the same", other)
		}
	}
}
