package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/cmd/internal/psqltable"
)

// heroine is the customer that the story is about, by her number in loaded.ids.
const heroine = 1

// step is one step of the story that a client of PostgreSQL takes.
type step struct {
	title string
	as    string // the variable of the environment file that holds the URL
	sql   string
	// check returns an error if the outcome is not what the story promises.
	check func(*outcome) error
	says  string // one line of explanation; %s stands for the rule of a refusal
}

// outcome is what came back: one result or a refusal.
type outcome struct {
	result  *pgconn.Result
	refusal *pgconn.PgError
}

// story tells everything, in order.
func (d *demo) story(ctx context.Context) error {
	fmt.Fprint(d.Out, "\n$APP and $SUPPORT stand for the URLs of two users of the gateway, $DS_0 and $DS_1 for the servers behind it.\n")
	c, id := makeCustomer(heroine), d.loaded.ids[heroine]
	node := int(id % 4) // COSID_MOD with mod 4: the step fails if the row is not there
	findByEmail := fmt.Sprintf("SELECT id, name, email, ssn, phone, birth_date\n  FROM customers WHERE email = '%s'", c.email)
	number := 0
	for _, s := range []step{
		{"The application finds a customer by e-mail", "APP", findByEmail,
			row(map[string]string{"id": fmt.Sprint(id), "email": c.email, "ssn": c.ssn, "phone": c.phone,
				"birth_date": c.birthDate}),
			"The e-mail went to the servers as an equality token; what came back was opened by the gateway: plaintext."},
		{"Support runs the same statement", "SUPPORT", findByEmail,
			row(map[string]string{"id": fmt.Sprint(id), "email": maskedEmail(c.email), "ssn": "***-**-" + c.ssn[7:], "birth_date": "",
				"phone": "******" + c.phone[len(c.phone)-2:]}),
			"The same row, but its values are masked as the policy says; the birth date is not shown at all."},
		{fmt.Sprintf("An administrator reads the same row from its shard: ds_%d, table customers_%d", node/2, node),
			fmt.Sprintf("DS_%d", node/2),
			fmt.Sprintf("SELECT id, name, substr(email, 1, 14) AS email, substr(ssn, 1, 14) AS ssn, length(ssn) AS bytes\n"+
				"  FROM customers_%d WHERE id = %d",
				node, id),
			sealedRow(id, &c),
			"Sealed bytes: version, layout, column tag, equality token, ciphertext. docs/format.md describes each byte."},
		{"A statement that crosses all four tables", "APP", "SELECT id, name, city FROM customers ORDER BY id LIMIT 5",
			d.firstFive, "Four tables on two servers answered in order, and the gateway merged them: ids are drawn by the gateway."},
		{"Counting all customers", "APP", "SELECT count(*) FROM customers",
			row(map[string]string{"count": fmt.Sprint(customersMade)}), "Each table counts its rows; the gateway adds the counts."},
		{"Counting and adding up all orders", "APP", "SELECT count(*), sum(amount) FROM orders",
			row(map[string]string{"count": fmt.Sprint(customersMade * ordersPerCustomer),
				"sum": fmt.Sprintf("%d.%02d", d.loaded.amountCents/100, d.loaded.amountCents%100)}),
			"amount is an open column: PostgreSQL adds it up on each table, and the gateway adds the sums exactly."},
		{"A join of two sharded tables", "APP",
			fmt.Sprintf("SELECT c.name, c.email, o.id, o.amount, o.status\n"+
				"  FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = %d ORDER BY o.id", id),
			d.join(&c), "Orders are bound to customers: they lie beside their customer, so the join runs where the row is."},
		{"Support tries to guess a number digit by digit", "SUPPORT", "SELECT name FROM customers WHERE ssn LIKE '1%'",
			refused("42501", "masked-predicate"), "A masked column in WHERE would be an oracle. The refusal names its rule: %s."},
		{"Support tries to copy a masked column into an open one", "SUPPORT",
			fmt.Sprintf("UPDATE customers SET name = phone WHERE id = %d", id),
			refused("42501", "masked-laundering"), "The phone number would stand in name, where nobody masks it. Rule: %s."},
		{"The application writes an expression into a sealed column", "APP",
			fmt.Sprintf("UPDATE customers SET ssn = upper(name) WHERE id = %d", id),
			refused("0A000", ""), "A server would have to compute it, in clear; the gateway seals only values that it sees. Rule: %s."},
	} {
		number++
		if err := d.tell(ctx, number, &s); err != nil {
			return fmt.Errorf("step %d (%s): %w", number, s.title, err)
		}
	}
	for _, tell := range []func(context.Context, int) error{d.explain, d.events, d.verify, d.tamper} {
		number++
		if err := tell(ctx, number); err != nil {
			return fmt.Errorf("step %d: %w", number, err)
		}
	}
	return nil
}

// tell takes a step: the command, its output, one line.
func (d *demo) tell(ctx context.Context, number int, s *step) error {
	d.title(number, s.title)
	fmt.Fprintf(d.Out, "$ psql \"$%s\" -c %s\n", s.as, quoted(s.sql))
	got, err := run(ctx, d.target(s.as), s.sql)
	if err != nil {
		return err
	}
	rule := ""
	if got.refusal != nil {
		fmt.Fprintln(d.Out, psqltable.Error(got.refusal, s.sql))
		rule = strings.TrimPrefix(got.refusal.Routine, "rule:")
	} else {
		fmt.Fprint(d.Out, psqltable.Result(got.result))
	}
	if err := s.check(got); err != nil {
		return err
	}
	fmt.Fprintln(d.Out, strings.ReplaceAll(s.says, "%s", rule))
	return nil
}

// title begins a step.
func (d *demo) title(number int, text string) {
	format := "\n%d. %s\n\n"
	if d.Terminal {
		format = "\n\x1b[1m%d. %s\x1b[0m\n\n"
	}
	fmt.Fprintf(d.Out, format, number, text)
}

// target is the URL that a variable of the environment file holds.
func (d *demo) target(variable string) string {
	switch variable {
	case "DS_0":
		return d.clusters[0].URL(shardDatabase(0))
	case "DS_1":
		return d.clusters[1].URL(shardDatabase(1))
	}
	return d.url(strings.ToLower(variable))
}

// run does what psql -c does: the simple protocol, on a connection of its own.
func run(ctx context.Context, url, sql string) (*outcome, error) {
	conn, err := connect(ctx, url, "psql")
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := psqltable.Read(conn.Exec(ctx, sql))
	var refusal *pgconn.PgError
	switch {
	case errors.As(err, &refusal):
		return &outcome{refusal: refusal}, nil
	case err != nil:
		return nil, err
	case len(results) != 1:
		return nil, fmt.Errorf("%d results came back", len(results))
	}
	return &outcome{result: results[0]}, nil
}

// quoted writes a word for a shell, in double quotes where it holds single ones.
func quoted(word string) string {
	if strings.ContainsAny(word, "$`\\!") || !strings.Contains(word, "'") && strings.Contains(word, `"`) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"`
}

var errRefused = errors.New("the statement was refused")

// rows returns the rows as maps from column to text; NULL is the empty text.
func (o *outcome) rows() ([]map[string]string, error) {
	if o.refusal != nil {
		return nil, errRefused
	}
	all := make([]map[string]string, len(o.result.Rows))
	for i, values := range o.result.Rows {
		all[i] = map[string]string{}
		for j, f := range o.result.FieldDescriptions {
			all[i][f.Name] = string(values[j])
		}
	}
	return all, nil
}

// row demands one row with these values.
func row(want map[string]string) func(*outcome) error {
	return func(o *outcome) error {
		rows, err := o.rows()
		switch {
		case err != nil:
			return err
		case len(rows) != 1:
			return fmt.Errorf("%d rows came back, not one", len(rows))
		}
		for column, value := range want {
			if rows[0][column] != value {
				return fmt.Errorf("column %q is not what it should be", column)
			}
		}
		return nil
	}
}

// refused demands a refusal; an empty rule stands for any.
func refused(code, rule string) func(*outcome) error {
	return func(o *outcome) error {
		switch {
		case o.refusal == nil:
			return errors.New("the statement was not refused")
		case o.refusal.Code != code:
			return fmt.Errorf("the refusal has SQLSTATE %s, not %s", o.refusal.Code, code)
		case !strings.HasPrefix(o.refusal.Routine, "rule:"+rule):
			return fmt.Errorf("the refusal has %q, not rule %q", o.refusal.Routine, rule)
		}
		return nil
	}
}

// sealedRow demands one row of a shard whose protected columns begin as sealed values do and show nothing of c.
func sealedRow(id int64, c *customer) func(*outcome) error {
	return func(o *outcome) error {
		rows, err := o.rows()
		switch {
		case err != nil:
			return err
		case len(rows) != 1:
			return fmt.Errorf("%d rows lie there, not one", len(rows))
		case rows[0]["id"] != fmt.Sprint(id):
			return errors.New("another row lies there")
		}
		for _, column := range []string{"email", "ssn"} {
			if !strings.HasPrefix(rows[0][column], `\x01`) || strings.Contains(rows[0][column], fmt.Sprintf("%x", c.ssn[:4])) {
				return fmt.Errorf("column %q is not sealed", column)
			}
		}
		return nil
	}
}

// firstFive demands the five least ids in their order, from more than one node.
func (d *demo) firstFive(o *outcome) error {
	rows, err := o.rows()
	if err != nil {
		return err
	}
	want := slices.Sorted(slices.Values(d.loaded.ids))[:5]
	nodes := map[int64]bool{}
	if len(rows) != len(want) {
		return fmt.Errorf("%d rows came back, not %d", len(rows), len(want))
	}
	for i, r := range rows {
		id, err := strconv.ParseInt(r["id"], 10, 64)
		if err != nil || id != want[i] {
			return fmt.Errorf("row %d is not the one that it should be", i+1)
		}
		nodes[id%4] = true
	}
	if len(nodes) < 2 {
		return errors.New("all rows came from one table")
	}
	return nil
}

// join demands the heroine's orders.
func (d *demo) join(c *customer) func(*outcome) error {
	return func(o *outcome) error {
		rows, err := o.rows()
		switch {
		case err != nil:
			return err
		case len(rows) != ordersPerCustomer:
			return fmt.Errorf("%d rows came back, not %d", len(rows), ordersPerCustomer)
		}
		for i, r := range rows {
			values, _ := makeOrder(heroine, i+1)
			if r["email"] != c.email || r["id"] != string(values[0]) || r["amount"] != string(values[1]) ||
				r["status"] != string(values[2]) {
				return fmt.Errorf("row %d is not the one that it should be", i+1)
			}
		}
		return nil
	}
}

// maskedEmail is the example's EMAIL mask of an address in example.com.
func maskedEmail(email string) string { return email[:1] + "XXX@XXXX.com" }

// portcullis runs a command of ours and prints it with its output.
func (d *demo) portcullis(ctx context.Context, shown string, wantCode int, args ...string) (string, error) {
	fmt.Fprintf(d.Out, "$ %s %s\n", d.Self, shown)
	var out bytes.Buffer
	code := d.Command(ctx, d.environ, &out, append(args, "-c", d.configPath())...)
	fmt.Fprintln(d.Out, strings.ReplaceAll(out.String(), d.dir, "$DEMO"))
	if code != wantCode {
		return "", fmt.Errorf("exit code %d, not %d", code, wantCode)
	}
	return out.String(), nil
}

func (d *demo) explain(ctx context.Context, number int) error {
	d.title(number, "What the gateway does with a statement, without doing it")
	sql := fmt.Sprintf("SELECT name, ssn FROM customers WHERE id = %d", d.loaded.ids[heroine])
	out, err := d.portcullis(ctx, fmt.Sprintf(`explain -c "$DEMO/portcullis.yaml" --user support %s`, quoted(sql)), 0,
		"explain", "--user", "support", sql)
	if err != nil {
		return err
	}
	for _, phrase := range []string{"open", "PARTIAL", "customers_"} {
		if !strings.Contains(out, phrase) {
			return fmt.Errorf("the plan does not say %q", phrase)
		}
	}
	fmt.Fprintln(d.Out, "A plan is data: the same one is cached, executed, compared in tests and shown here. It holds no constant of the client.")
	return nil
}

// eventsShown is how many events the story shows.
const eventsShown = 7

func (d *demo) events(ctx context.Context, number int) error {
	d.title(number, "The audit log of all this")
	out, err := d.portcullis(ctx,
		fmt.Sprintf(`audit show -c "$DEMO/portcullis.yaml" --kind statement,refusal --last %d`, eventsShown), 0,
		"audit", "show", "--kind", "statement,refusal", "--last", fmt.Sprint(eventsShown))
	if err != nil {
		return err
	}
	for _, phrase := range []string{"app", "support", "masked-predicate", "masked-laundering"} {
		if !strings.Contains(out, phrase) {
			return fmt.Errorf("the events do not say %q", phrase)
		}
	}
	c := makeCustomer(heroine)
	for _, secret := range []string{c.email, c.ssn, c.phone} {
		if strings.Contains(out, secret) {
			return errors.New("an event holds a protected value")
		}
	}
	fmt.Fprintln(d.Out, "Who, what, which rule; constants are removed. An event is on the disk before the first protected row leaves.")
	return nil
}

func (d *demo) verify(ctx context.Context, number int) error {
	d.title(number, "Is the log whole?")
	out, err := d.portcullis(ctx, `audit verify -c "$DEMO/portcullis.yaml"`, 0, "audit", "verify")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "is intact") {
		return errors.New("verify does not call the log intact")
	}
	fmt.Fprintln(d.Out, "Batches of lines are chained by hashes and signed; anchors outside the log tell where it must not end.")
	return nil
}

// tamper changes one byte of a copy of the log: who it was that was refused.
func (d *demo) tamper(ctx context.Context, number int) error {
	d.title(number, "Somebody changes one byte of a copy")
	log, err := os.ReadFile(filepath.Join(d.dir, "audit.jsonl"))
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	oracle := []byte(`"rule":"masked-predicate"`)
	at := slices.IndexFunc(lines, func(line []byte) bool { return bytes.Contains(line, oracle) })
	if at < 0 {
		return errors.New("the log has no line of the refused oracle")
	}
	lines[at] = bytes.Replace(lines[at], []byte("support"), []byte("supporr"), 1)
	if err := os.WriteFile(filepath.Join(d.dir, "copy.jsonl"), bytes.Join(lines, nil), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "$ sed '%ds/support/supporr/' \"$DEMO/audit.jsonl\" > \"$DEMO/copy.jsonl\"\n", at+1)
	out, err := d.portcullis(ctx, `audit verify -c "$DEMO/portcullis.yaml" --log "$DEMO/copy.jsonl"`, 1,
		"audit", "verify", "--log", filepath.Join(d.dir, "copy.jsonl"))
	if err != nil {
		return err
	}
	if !regexp.MustCompile(fmt.Sprintf(`(?m)^line %d: edit`, at+1)).MatchString(out) {
		return fmt.Errorf("verify does not name line %d", at+1)
	}
	fmt.Fprintf(d.Out, "Line %d is the refusal of step 8. The exit code is 1, so that a script notices.\n\n", at+1)
	return nil
}
