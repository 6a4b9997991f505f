package demo

import (
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// table makes the outcome of a query.
func table(columns []string, rows ...[]string) *outcome {
	r := &pgconn.Result{}
	for _, c := range columns {
		r.FieldDescriptions = append(r.FieldDescriptions, pgconn.FieldDescription{Name: c})
	}
	for _, values := range rows {
		r.Rows = append(r.Rows, texts(values...))
	}
	return &outcome{result: r}
}

func refusal(code, routine string) *outcome {
	return &outcome{refusal: &pgconn.PgError{Code: code, Routine: routine}}
}

// TestChecks: what is not what the story promises is an error, for each kind of step.
func TestChecks(t *testing.T) {
	c := makeCustomer(heroine)
	d := &demo{loaded: loaded{ids: []int64{9, 4, 5, 6, 7, 8, 2}}}
	one := row(map[string]string{"ssn": "1"})
	five := [][]string{{"2"}, {"4"}, {"5"}, {"6"}, {"7"}}
	swapped := slices.Clone(five)
	swapped[0], swapped[1] = five[1], five[0]
	orders := func(change func([]string)) (rows [][]string) {
		for n := range ordersPerCustomer {
			v, _ := makeOrder(heroine, n+1)
			rows = append(rows, []string{c.email, string(v[0]), string(v[1]), string(v[2])})
		}
		change(rows[1])
		return rows
	}
	orderColumns := []string{"email", "id", "amount", "status"}
	hexSSN := `\x3130372d3233`
	for name, test := range map[string]struct {
		check func(*outcome) error
		got   *outcome
		holds bool
	}{
		"a row":                    {one, table([]string{"ssn"}, []string{"1"}), true},
		"another value":            {one, table([]string{"ssn"}, []string{"2"}), false},
		"no row":                   {one, table([]string{"ssn"}), false},
		"two rows":                 {one, table([]string{"ssn"}, []string{"1"}, []string{"1"}), false},
		"no such column":           {one, table([]string{"id"}, []string{"1"}), false},
		"refused":                  {one, refusal("42501", "rule:x"), false},
		"refusal":                  {refused("42501", "masked-predicate"), refusal("42501", "rule:masked-predicate"), true},
		"refusal by another code":  {refused("42501", "masked-predicate"), refusal("0A000", "rule:masked-predicate"), false},
		"refusal by another rule":  {refused("42501", "masked-predicate"), refusal("42501", "rule:masked-order"), false},
		"refusal by a server":      {refused("42501", ""), refusal("42501", "aclcheck_error"), false},
		"not refused":              {refused("42501", ""), table([]string{"id"}), false},
		"sealed":                   {sealedRow(7, &c), table([]string{"id", "email", "ssn"}, []string{"7", `\x0101aa`, `\x0101bb`}), true},
		"plaintext on a shard":     {sealedRow(7, &c), table([]string{"id", "email", "ssn"}, []string{"7", `\x0101aa`, hexSSN}), false},
		"plaintext behind a start": {sealedRow(7, &c), table([]string{"id", "email", "ssn"}, []string{"7", `\x0101aa`, `\x01` + hexSSN[2:]}), false},
		"not on the shard":         {sealedRow(7, &c), table([]string{"id", "email", "ssn"}), false},
		"five in order":            {d.firstFive, table([]string{"id"}, five...), true},
		"five out of order":        {d.firstFive, table([]string{"id"}, swapped...), false},
		"four":                     {d.firstFive, table([]string{"id"}, five[:4]...), false},
		"the join":                 {d.join(&c), table(orderColumns, orders(func([]string) {})...), true},
		"an amount of another":     {d.join(&c), table(orderColumns, orders(func(r []string) { r[2] = "0.00" })...), false},
		"a row too few":            {d.join(&c), table(orderColumns, orders(func([]string) {})[1:]...), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.check(test.got); (err == nil) != test.holds {
				t.Errorf("check says %v", err)
			}
		})
	}
}

// TestPeople: e-mails are unique, so that one customer is found by hers.
func TestPeople(t *testing.T) {
	if customersMade > len(firstNames)*len(lastNames) {
		t.Fatal(errors.New("there are not enough names"))
	}
	seen := map[string]bool{}
	for i := range customersMade {
		c := makeCustomer(i)
		if seen[c.email] {
			t.Fatalf("customer %d has an e-mail that another has", i)
		}
		seen[c.email] = true
	}
}

func TestQuoted(t *testing.T) {
	for word, want := range map[string]string{
		`SELECT 1`:     `"SELECT 1"`,
		`a = 'b'`:      `"a = 'b'"`,
		`a = "b"`:      `'a = "b"'`,
		`a = $1`:       `'a = $1'`,
		`a = $1 + 'b'`: `'a = $1 + '\''b'\'''`,
	} {
		if got := quoted(word); got != want {
			t.Errorf("%s is quoted as %s, want %s", word, got, want)
		}
	}
}
