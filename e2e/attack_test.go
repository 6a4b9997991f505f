package e2e_test

import (
	"context"
	wire "encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// victim inserts a customer whose protected values are easy to find, and returns its id.
func victim(t *testing.T, s *shop) (id int64, secrets []string) {
	t.Helper()
	app := s.connect(t, "app", pgx.QueryExecModeExec)
	email := unique(t, "victim") + "@secret.example"
	err := app.QueryRow(context.Background(), `INSERT INTO customers (name, email, ssn, phone, birth_date, balance, city)
		VALUES ('victim', $1, '912-07-4481', '+1-555-013-8247', '1981-03-14', 183450.75, 'Berlin') RETURNING id`, email).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	// A birth date in binary is a number of days, a balance digits to the base 10,000.
	balance := wire.BigEndian.AppendUint16(wire.BigEndian.AppendUint16(wire.BigEndian.AppendUint16(nil, 18), 3450), 7500)
	return id, []string{email, "912-07", "555-013-8", "1981-03-14", "183450.75", string(balance)}
}

// holdsNone fails if an answer holds one of the secrets.
func (o *outcome) holdsNone(t *testing.T, what string, secrets []string) {
	t.Helper()
	if found := scanFor(o.everything(), secrets); found != "" {
		t.Errorf("%s: %q was sent", what, found)
	}
}

// usable fails if the connection does not answer any more.
func (c *client) usable(t *testing.T, what string) {
	t.Helper()
	if c.broken {
		t.Errorf("%s: the connection broke", what)
		return
	}
	if o := c.simple("SELECT 1", "", 0); o.code != "" || len(o.rows) != 1 || o.rows[0][0] != "1" {
		t.Errorf("%s: the connection is not usable: %s %s %v", what, o.code, o.message, o.rows)
	}
}

// TestMaskedInEveryFormat asks for masked values in every format, also wrongly.
func TestMaskedInEveryFormat(t *testing.T) {
	s := theShop(t)
	id, secrets := victim(t, s)
	support := s.login(t, "support", nil)
	query := fmt.Sprintf("SELECT email, ssn, phone, birth_date, id FROM customers WHERE id = %d", id)
	for name, formats := range map[string][]int16{
		"none": nil, "text": {0}, "binary": {1}, "mixed": {1, 0, 1, 0, 1}, "too few": {1, 0}, "too many": {1, 0, 1, 0, 1, 0},
		"unknown": {2}, "negative": {-1, 0, 0, 0, 0},
	} {
		o := support.send(&pgproto3.Parse{Query: query}, &pgproto3.Describe{ObjectType: 'S'},
			&pgproto3.Bind{ResultFormatCodes: formats}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{})
		o.holdsNone(t, name, secrets)
		switch name {
		case "none", "text", "binary", "mixed":
			if o.code != "" || len(o.rows) != 1 || o.rows[0][1] != "***-**-4481" || o.rows[0][3] != "NULL" {
				t.Errorf("%s: %s %s %v", name, o.code, o.message, o.rows)
			}
		case "too few", "too many":
			if o.code != "08P01" {
				t.Errorf("%s: %q %s, want 08P01", name, o.code, o.message)
			}
		default:
			if o.code != "22023" {
				t.Errorf("%s: %q %s, want 22023", name, o.code, o.message)
			}
		}
		support.usable(t, name)
	}
}

// bindBytes makes a Bind message of a body written by hand.
func bindBytes(body ...any) []byte {
	var b []byte
	for _, part := range body {
		switch p := part.(type) {
		case string:
			b = append(append(b, p...), 0)
		case int16:
			b = wire.BigEndian.AppendUint16(b, uint16(p))
		case int:
			b = wire.BigEndian.AppendUint32(b, uint32(int32(p)))
		case []byte:
			b = append(b, p...)
		}
	}
	return append(wire.BigEndian.AppendUint32([]byte{'B'}, uint32(len(b)+4)), b...)
}

var syncBytes = []byte{'S', 0, 0, 0, 4}

// TestMalformedBind: a Bind message that contradicts itself is a protocol error of its sender, and of nobody else.
func TestMalformedBind(t *testing.T) {
	s := theShop(t)
	_, secrets := victim(t, s)
	for name, c := range map[string]struct {
		bind []byte
		code string
	}{
		"right":                        {bindBytes("", "s", int16(0), int16(1), 4, []byte("1234"), int16(0)), ""},
		"two formats for one value":    {bindBytes("", "s", int16(2), int16(0), int16(0), int16(1), 4, []byte("1234"), int16(0)), "08P01"},
		"a format beyond 1":            {bindBytes("", "s", int16(1), int16(7), int16(1), 4, []byte("1234"), int16(0)), "22023"},
		"a negative number of formats": {bindBytes("", "s", int16(-1), int16(1), 4, []byte("1234"), int16(0)), "08P01"},
		"a negative number of values":  {bindBytes("", "s", int16(0), int16(-1), 4, []byte("1234"), int16(0)), "08P01"},
		"no values":                    {bindBytes("", "s", int16(0), int16(0), int16(0)), "08P01"},
		"two values":                   {bindBytes("", "s", int16(0), int16(2), 1, []byte("1"), 1, []byte("1"), int16(0)), "08P01"},
		"a length of -2":               {bindBytes("", "s", int16(0), int16(1), -2, int16(0)), "08P01"},
		"the least length":             {bindBytes("", "s", int16(0), int16(1), math.MinInt32, int16(0)), "08P01"},
		"a length beyond the message":  {bindBytes("", "s", int16(0), int16(1), 100, []byte("1234"), int16(0)), "08P01"},
		"the greatest length":          {bindBytes("", "s", int16(0), int16(1), math.MaxInt32, []byte("1234"), int16(0)), "08P01"},
		"bytes behind the end":         {bindBytes("", "s", int16(0), int16(1), 1, []byte("1"), int16(0), []byte("more")), "08P01"},
		"a name without an end":        {bindBytes([]byte("portal")), "08P01"},
		"an unknown statement":         {bindBytes("", "t", int16(0), int16(0), int16(0)), "26000"},
		"result formats cut off":       {bindBytes("", "s", int16(0), int16(1), 1, []byte("1"), int16(3), int16(0)), "08P01"},
		"a binary value cut off":       {bindBytes("", "s", int16(1), int16(1), int16(1), 3, []byte("123"), int16(0)), "08P01"},
		"a value with NUL":             {bindBytes("", "s", int16(0), int16(1), 3, []byte("1\x002"), int16(0)), "22021"},
		"a value that is not UTF-8":    {bindBytes("", "s", int16(0), int16(1), 2, []byte("\xff\xfe"), int16(0)), "22021"},
	} {
		t.Run(name, func(t *testing.T) {
			support := s.login(t, "support", nil)
			o := support.send(&pgproto3.Parse{Name: "s", Query: "SELECT ssn FROM customers WHERE id = $1"}, &pgproto3.Sync{})
			if o.code != "" {
				t.Fatal(o.code, o.message)
			}
			execute := append([]byte{'E', 0, 0, 0, 9, 0}, 0, 0, 0, 0)
			o = support.write(append(append(append([]byte{}, c.bind...), execute...), syncBytes...))
			o.holdsNone(t, name, secrets)
			if o.code != c.code {
				t.Errorf("%q %s, want %q", o.code, o.message, c.code)
			}
			if !support.broken {
				support.usable(t, name)
			}
		})
	}
}

// TestDeclaredTypes: a client declares parameter types that lie, that only a server could read, or that name physical
// things. No such declaration gets a value out, and none that is used for a protected value goes to a server in clear.
func TestDeclaredTypes(t *testing.T) {
	s := theShop(t)
	id, secrets := victim(t, s)
	for _, user := range []string{"app", "support"} {
		for _, oid := range []uint32{0, 16, 17, 18, 20, 23, 25, 26, 114, 194, 600, 705, 1009, 1042, 1082, 1184, 1560, 1700, 2202, 2205,
			2249, 2276, 2278, 2281, 2950, 3614, 3802, 3904, 4096, 12345, 16384, 16400, 1<<32 - 1} {
			c := s.login(t, user, nil)
			for _, query := range []string{"SELECT id FROM customers WHERE email = $1", "SELECT id, $1 FROM customers WHERE id = 1",
				"UPDATE customers SET ssn = $1 WHERE id = 1", "SELECT $1", "SELECT id FROM customers WHERE name = $1 AND id = 5 LIMIT $1"} {
				for _, format := range []int16{0, 1} {
					what := fmt.Sprintf("%s, type %d, format %d: %s", user, oid, format, query)
					o := c.send(&pgproto3.Parse{Query: query, ParameterOIDs: []uint32{oid}}, &pgproto3.Describe{ObjectType: 'S'},
						&pgproto3.Bind{ParameterFormatCodes: []int16{format}, Parameters: [][]byte{[]byte("customers")}},
						&pgproto3.Execute{}, &pgproto3.Sync{})
					if user == "support" {
						o.holdsNone(t, what, secrets)
					}
					if strings.HasPrefix(o.code, "XX") && (strings.Contains(o.message, "internal error") || o.rule != "") { // not PostgreSQL's own
						t.Errorf("%s: %s %s", what, o.code, o.message)
					}
					c.usable(t, what)
				}
			}
			c.close()
		}
	}
	// Types that look things up would tell a client what lies on the servers.
	for oid, value := range map[uint32]string{2205: "public.customers_0", 4096: "10", 2206: "portcullis.sealed", 2202: "now", 2203: "=", 1033: "postgres=r/postgres",
		4089: "portcullis", 3734: "english", 1790: "c", 4191: "C"} {
		c := s.login(t, "support", nil)
		for _, what := range []string{"$1", "concat($1)", "$1 IS NULL", "coalesce($1)"} {
			o := c.send(&pgproto3.Parse{Query: fmt.Sprintf("SELECT id, %s FROM customers WHERE id = %d", what, id), ParameterOIDs: []uint32{oid}},
				&pgproto3.Bind{Parameters: [][]byte{[]byte(value)}}, &pgproto3.Execute{}, &pgproto3.Sync{})
			if o.code != "0A000" || o.rule != "type" {
				t.Errorf("type %d in %s: %q %s %v, want 0A000", oid, what, o.code, o.message, o.rows)
			}
		}
	}
}

// TestAnswersOfOthers: what one session asks, right or wrong, does not change what another is answered, and no way of
// writing a table's name is answered by the empty logical database.
func TestAnswersOfOthers(t *testing.T) {
	s := theShop(t)
	id, _ := victim(t, s)
	group := func(selected, grouped string) string {
		return fmt.Sprintf("SELECT count(*), date_trunc('%s', created_at) FROM customers WHERE id = %d GROUP BY date_trunc('%s', created_at)", selected, id, grouped)
	}
	a, b := s.login(t, "app", nil), s.login(t, "app", nil)
	for range 2 {
		if o := a.simple(group("month", "year"), "", 0); o.code != "42803" {
			t.Errorf("different groups: %q %s", o.code, o.message)
		}
		if o := b.simple(group("month", "month"), "", 0); o.code != "" || len(o.rows) != 1 {
			t.Errorf("equal groups after different ones: %q %s", o.code, o.message)
		}
	}
	for _, sql := range []string{
		"SELECT count(*) FROM countries, (WITH countries AS (SELECT 1) SELECT * FROM countries) x",
		"WITH countries AS (SELECT 1) SELECT count(*) FROM public.countries",
		"SELECT (SELECT count(*) FROM countries)", "SELECT 1 WHERE EXISTS (SELECT 1 FROM countries)",
		"SELECT count(*) FROM (VALUES (1)) v(x), countries", `SELECT count(*) FROM "countries"`, `SELECT count(*) FROM U&"\0063ountries"`,
		"SELECT count(*) FROM shop.public.countries", "SELECT count(*) FROM COUNTRIES AS pg_class", "TABLE countries",
	} {
		o := a.simple(sql, "", 0)
		if o.code == "" && (len(o.rows) == 0 || o.rows[0][0] == "0") {
			t.Errorf("%s: answered %v", sql, o.rows)
		}
	}
	// Constants that the grammar makes, and words that look like constants.
	for _, sql := range []string{
		"SELECT id FROM customers WHERE id = %d FETCH FIRST ROW ONLY", "SELECT substring(name FOR 3) FROM customers WHERE id = %d",
		"SELECT extract(year FROM created_at) FROM customers WHERE id = %d", "SELECT extract('year' FROM created_at) FROM customers WHERE id = %d",
		"SELECT -id, - /* c */ 5, -(5), + 5 FROM customers WHERE id = %d",
	} {
		if o := a.simple(fmt.Sprintf(sql, id), "", 0); o.code != "" || len(o.rows) != 1 {
			t.Errorf("%s: %q %s %v", sql, o.code, o.message, o.rows)
		}
	}
	if o := a.simple("SELECT $1", "", 0); o.code != "42P02" {
		t.Errorf("a parameter in a simple query: %q %s", o.code, o.message)
	}
}

// TestPipelines: after an error in the middle of a pipeline nothing runs until Sync, and everything before it that wrote
// is undone.
func TestPipelines(t *testing.T) {
	s := theShop(t)
	id, secrets := victim(t, s)
	read := fmt.Sprintf("SELECT ssn, email FROM customers WHERE id = %d", id)
	write := fmt.Sprintf("UPDATE customers SET city = 'piped' WHERE id = %d", id)
	run := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	for name, bad := range map[string][]pgproto3.FrontendMessage{
		"a refusal":               run("SELECT name FROM customers WHERE ssn LIKE '9%'"),
		"a syntax error":          run("SELEC"),
		"an error of a server":    run(fmt.Sprintf("SELECT 1 / (id - %d) FROM customers WHERE id = %d", id, id)),
		"an unknown statement":    {&pgproto3.Bind{PreparedStatement: "nosuch"}, &pgproto3.Execute{}},
		"an unknown portal":       {&pgproto3.Execute{Portal: "nosuch"}},
		"a function call":         {&pgproto3.FunctionCall{Function: 1598}},
		"COPY":                    run("COPY customers TO STDOUT"),
		"a value that is no date": run(fmt.Sprintf("SELECT id FROM customers WHERE created_at = 'nodate' AND id = %d", id)),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.login(t, "support", nil)
			messages := append(run(read), run(write)...)
			messages = append(append(messages, bad...), run(read)...)
			messages = append(messages, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Close{ObjectType: 'S'}, &pgproto3.Query{String: read},
				&pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.Sync{})
			o := c.send(messages...)
			o.holdsNone(t, name, secrets)
			if name == "a function call" {
				// Its own answer ends with ReadyForQuery, so the rest runs anew.
				for !c.broken && len(o.rows) < 2 && len(o.sequence) < 40 {
					c.receive(o, "", 0)
				}
				return
			}
			if o.code == "" || len(o.rows) != 1 || len(o.errors) != 1 || o.status != 'I' {
				t.Errorf("%d rows, errors %v, status %c", len(o.rows), o.errors, o.status)
			}
			c.usable(t, name)
			if got := s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", id); got[0][0] != "Berlin" {
				t.Errorf("the write before the error stays: %v", got)
			}
		})
	}
}

// TestTransactionsOverShards: reads may cross servers, writes may not; nothing is left half.
func TestTransactionsOverShards(t *testing.T) {
	s := theShop(t)
	ids := map[int]int64{}
	for len(ids) < 2 {
		id, _ := victim(t, s)
		cluster, _ := s.node(t, id)
		ids[cluster] = id
	}
	city := func(i int) string {
		return s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", ids[i])[0][0]
	}
	write := func(i int, v string) string {
		return fmt.Sprintf("UPDATE customers SET city = '%s' WHERE id = %d", v, ids[i])
	}
	read := func(i int) string { return fmt.Sprintf("SELECT ssn FROM customers WHERE id = %d", ids[i]) }
	for _, c := range []struct {
		name  string
		sql   []string // one simple query each
		code  string   // of the first error
		after [2]string
	}{
		{"reads on both", []string{"BEGIN", read(0), read(1), "SELECT count(*) FROM customers", "COMMIT"}, "", [2]string{"Berlin", "Berlin"}},
		{"read on both, write on one", []string{"BEGIN", read(0), read(1), write(1, "a"), "COMMIT"}, "", [2]string{"Berlin", "a"}},
		{"write on both", []string{"BEGIN", write(0, "b"), write(1, "b"), "COMMIT"}, "0A000", [2]string{"Berlin", "a"}},
		{"write on both in one string", []string{write(0, "b") + ";" + write(1, "b")}, "0A000", [2]string{"Berlin", "a"}},
		{"write, error, COMMIT", []string{"BEGIN", write(0, "c"), "SELECT nosuch", "COMMIT"}, "42703", [2]string{"Berlin", "a"}},
		{"write, ROLLBACK", []string{"BEGIN", write(0, "d"), "ROLLBACK"}, "", [2]string{"Berlin", "a"}},
		{"BEGIN in the middle of a string", []string{write(0, "e") + "; BEGIN; " + read(0), "ROLLBACK"}, "", [2]string{"Berlin", "a"}},
		{"COMMIT in the middle of a string", []string{"BEGIN; " + write(0, "f") + "; COMMIT; SELECT nosuch"}, "42703", [2]string{"f", "a"}},
		{"ROLLBACK in the middle of a string", []string{"BEGIN; " + write(0, "g") + "; ROLLBACK; " + write(0, "h")}, "", [2]string{"h", "a"}},
		{"COMMIT AND CHAIN", []string{"BEGIN", write(0, "i"), "COMMIT AND CHAIN", write(0, "j"), "ROLLBACK"}, "", [2]string{"i", "a"}},
		{"COMMIT AND CHAIN to the other server", []string{"BEGIN", write(0, "k"), "COMMIT AND CHAIN", write(1, "k"), "COMMIT"}, "", [2]string{"k", "k"}},
		{"ROLLBACK AND CHAIN", []string{"BEGIN READ ONLY", read(0), "ROLLBACK AND CHAIN", write(0, "l"), "COMMIT"}, "25006", [2]string{"k", "k"}},
		{"read only", []string{"BEGIN READ ONLY", write(0, "m"), "COMMIT"}, "25006", [2]string{"k", "k"}},
		{"read only by default", []string{"SET default_transaction_read_only = on", write(0, "m"), "SET default_transaction_read_only = off"}, "25006", [2]string{"k", "k"}},
		{"read only by characteristics", []string{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "BEGIN; " + write(0, "m"), "COMMIT", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"}, "25006", [2]string{"k", "k"}},
		{"serializable", []string{"BEGIN ISOLATION LEVEL SERIALIZABLE", read(0), write(0, "n"), "COMMIT"}, "", [2]string{"n", "k"}},
		{"isolation after a query", []string{"BEGIN", read(0), "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "COMMIT"}, "25001", [2]string{"n", "k"}},
		{"savepoints", []string{"BEGIN", write(0, "o"), "SAVEPOINT a", write(0, "p"), "ROLLBACK TO a", "COMMIT"}, "", [2]string{"o", "k"}},
		{"PREPARE TRANSACTION", []string{"BEGIN", write(0, "q"), "PREPARE TRANSACTION 'x'", "COMMIT"}, "0A000", [2]string{"o", "k"}},
		{"SET in a block that fails", []string{"BEGIN; SET search_path = pg_catalog; SELECT nosuch", "ROLLBACK", read(0)}, "42703", [2]string{"o", "k"}},
		{"SET LOCAL", []string{"BEGIN; SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'Asia/Tokyo'; COMMIT", read(0)}, "", [2]string{"o", "k"}},
	} {
		client := s.login(t, "app", nil)
		code := ""
		for _, sql := range c.sql {
			if o := client.simple(sql, "", 0); code == "" {
				code = o.code
			}
		}
		if code != c.code {
			t.Errorf("%s: %q, want %q", c.name, code, c.code)
		}
		if o := client.simple("SELECT 1", "", 0); o.status != 'I' || o.code != "" {
			t.Errorf("%s: afterwards status %c %s", c.name, o.status, o.code)
		}
		if got := [2]string{city(0), city(1)}; got != c.after {
			t.Errorf("%s: %v, want %v", c.name, got, c.after)
		}
		client.close()
	}
}

// TestSettingsThatChangeMeaning: no setting of a session, however it is given, changes what a statement means or what a
// mask hides.
func TestSettingsThatChangeMeaning(t *testing.T) {
	s := theShop(t)
	id, secrets := victim(t, s)
	query := fmt.Sprintf("SELECT ssn, email, phone, birth_date FROM customers WHERE id = %d", id)
	shared := s.login(t, "support", nil)
	quoting := fmt.Sprintf(`SELECT '\', ssn FROM customers WHERE id = %d -- '`, id)
	for _, setting := range [][2]string{
		{"standard_conforming_strings", "off"}, {"backslash_quote", "on"}, {"escape_string_warning", "off"}, {"client_encoding", "SJIS"},
		{"client_encoding", "LATIN1"}, {"client_encoding", "BIG5"}, {"client_encoding", "UTF8"}, {"DateStyle", "SQL, DMY"}, {"DateStyle", "ISO, DMY"},
		{"DateStyle", "Postgres"}, {"IntervalStyle", "iso_8601"}, {"extra_float_digits", "-15"}, {"bytea_output", "escape"},
		{"TimeZone", "Pacific/Kiritimati"}, {"TimeZone", "../../../etc/passwd"}, {"TimeZone", "nosuch"}, {"search_path", "pg_catalog"}, {"search_path", "portcullis, public"},
		{"search_path", `"$user", pg_temp, public`}, {"search_path", ""}, {"role", "shop_owner"}, {"session_authorization", "postgres"},
		{"is_superuser", "on"}, {"row_security", "off"}, {"session_replication_role", "replica"}, {"log_statement", "all"},
		{"allow_system_table_mods", "on"}, {"transform_null_equals", "on"}, {"array_nulls", "off"}, {"xmlbinary", "hex"}, {"quote_all_identifiers", "on"},
		{"log_min_messages", "debug5"}, {"client_min_messages", "debug5"}, {"debug_print_plan", "on"}, {"plan_cache_mode", "force_custom_plan"},
		{"local_preload_libraries", "x"}, {"dynamic_library_path", "/tmp"}, {"default_table_access_method", "x"}, {"transaction_isolation", "serializable"},
	} {
		name, value := setting[0], setting[1]
		ways := map[string]func() *client{
			"SET": func() *client {
				c := shared
				c.simple("DISCARD ALL", "", 0)
				c.simple(fmt.Sprintf("SET %s = '%s'", name, strings.ReplaceAll(value, "'", "''")), "", 0)
				return c
			},
			"set_config": func() *client {
				c := shared
				c.simple("DISCARD ALL", "", 0)
				c.simple(fmt.Sprintf("SELECT set_config('%s', '%s', false)", name, value), "", 0)
				return c
			},
			"startup": func() *client { c, _ := s.open("support", map[string]string{name: value}); return c },
			"options": func() *client {
				c, _ := s.open("support", map[string]string{"options": "-c " + name + "=" + strings.ReplaceAll(value, " ", `\ `)})
				return c
			},
		}
		for way, start := range ways {
			c := start()
			if c == nil {
				continue // the log-in was refused
			}
			what := fmt.Sprintf("%s %s=%s", way, name, value)
			for _, sql := range []string{query, quoting, strings.ReplaceAll(query, "customers", "public.customers")} {
				o := c.simple(sql, "", 0)
				o.holdsNone(t, what, secrets)
				if o.code == "" && len(o.rows) == 1 && strings.Contains(sql, "public.customers") &&
					(o.rows[0][0] != "***-**-4481" || o.rows[0][3] != "NULL") {
					t.Errorf("%s: masks are %v", what, o.rows[0])
				}
				if o.code != "" && strings.Contains(sql, "public.customers") {
					t.Errorf("%s: %s %s", what, o.code, o.message)
				}
			}
			if !c.broken {
				c.usable(t, what)
			}
			if c != shared {
				c.close()
			}
		}
	}
}

// TestCutConnections cuts a session after every byte of a conversation: the gateway lives, no write of half a
// conversation stays, and no connection to a server is left behind.
func TestCutConnections(t *testing.T) {
	s := theShop(t)
	id, _ := victim(t, s)
	var conversation []byte
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "BEGIN"},
		&pgproto3.Parse{Query: fmt.Sprintf("UPDATE customers SET city = $1 WHERE id = %d RETURNING ssn", id)},
		&pgproto3.Bind{Parameters: [][]byte{[]byte("cut")}}, &pgproto3.Execute{}, &pgproto3.Sync{},
		&pgproto3.Query{String: "SELECT ssn FROM customers"},
	} {
		var err error
		if conversation, err = m.Encode(conversation); err != nil {
			t.Fatal(err)
		}
	}
	for at := 0; at <= len(conversation); at += 3 {
		c, err := s.open("app", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.conn.Write(conversation[:at]); err != nil {
			t.Fatal(err)
		}
		c.close()
	}
	if !s.alive() {
		t.Fatal("the gateway has ended")
	}
	if got := s.shards(t, "customers", "SELECT city FROM %s WHERE id = $1", id); got[0][0] != "Berlin" {
		t.Errorf("half a conversation was committed: %v", got)
	}
	var left int
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		left = 0
		for _, c := range s.clusters {
			conn, err := pgx.Connect(context.Background(), c.URL("postgres"))
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway' AND state LIKE 'idle in transaction%'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			left += n
			conn.Close(context.Background())
		}
		if left == 0 {
			return
		}
	}
	t.Errorf("%d transactions are left open on the servers", left)
}

// TestCancelStorm: many cancel requests, right and wrong ones, reach nobody but the session whose key they have.
func TestCancelStorm(t *testing.T) {
	s := theShop(t)
	victimConn, other := s.login(t, "app", nil), s.login(t, "app", nil)
	done := make(chan *outcome, 1)
	go func() { done <- victimConn.simple("SELECT pg_sleep(1.5)", "", 0) }()
	time.Sleep(200 * time.Millisecond)
	cancel := func(pid uint32, secret []byte) {
		conn := s.dial(t)
		packet := wire.BigEndian.AppendUint32(nil, uint32(12+len(secret)))
		packet = wire.BigEndian.AppendUint32(packet, 80877102)
		packet = append(wire.BigEndian.AppendUint32(packet, pid), secret...)
		conn.Write(packet)
		conn.Close()
	}
	for i := range 200 {
		secret := append([]byte(nil), other.secret...)
		secret[i%4] ^= byte(i + 1)
		cancel(victimConn.pid, secret)
		cancel(uint32(i), other.secret)
		cancel(victimConn.pid, make([]byte, i%9))
	}
	for range 50 {
		cancel(other.pid, other.secret) // idle: nothing to cancel
	}
	if o := <-done; o.code != "" {
		t.Errorf("a wrong key cancelled: %s %s", o.code, o.message)
	}
	other.usable(t, "after cancel requests while idle")
	for range 20 {
		if o := other.simple("SELECT count(*) FROM customers", "", 0); o.code != "" {
			t.Errorf("an old cancel request reached a later statement: %s", o.code)
		}
	}
}

// TestHugeMessages: many parameters, many columns, long names, long lists.
func TestHugeMessages(t *testing.T) {
	s := theShop(t)
	app := s.login(t, "app", nil)
	list := make([]string, 3_000)
	values := make([][]byte, len(list))
	for i := range list {
		list[i], values[i] = fmt.Sprintf("$%d", i+1), []byte(fmt.Sprintf("nobody-%d@example.com", i))
	}
	in := "SELECT id FROM customers WHERE email IN (" + strings.Join(list, ",") + ")"
	o := app.send(&pgproto3.Parse{Query: in}, &pgproto3.Bind{Parameters: values}, &pgproto3.Execute{}, &pgproto3.Sync{})
	if o.code != "" && !strings.HasPrefix(o.code, "54") {
		t.Errorf("3,000 parameters: %s %s", o.code, o.message)
	}
	app.usable(t, "3,000 parameters")
	o = app.send(&pgproto3.Parse{Query: "SELECT 1 FROM customers WHERE id = $65535"}, &pgproto3.Sync{})
	if strings.HasPrefix(o.code, "XX") {
		t.Errorf("$65535: %s %s", o.code, o.message)
	}
	oids := make([]uint32, 65535)
	o = app.send(&pgproto3.Parse{Query: "SELECT 1", ParameterOIDs: oids}, &pgproto3.Sync{})
	if strings.HasPrefix(o.code, "XX") {
		t.Errorf("65,535 types: %s %s", o.code, o.message)
	}
	app.usable(t, "many types")
	for name, sql := range map[string]string{
		"a long name":      "SELECT 1 AS \"" + strings.Repeat("n", 1<<20) + "\"",
		"a long literal":   "SELECT length('" + strings.Repeat("n", 1<<20) + "')",
		"many statements":  strings.Repeat("SELECT 1;", 300),
		"many columns":     "SELECT " + strings.Repeat("id,", 1663) + "id FROM customers WHERE id = 1",
		"too many columns": "SELECT " + strings.Repeat("id,", 3000) + "id FROM customers WHERE id = 1",
		"long comment":     "SELECT /*" + strings.Repeat("/*x*/", 3_000) + "*/ 1",
		"long dollar tag":  "SELECT $" + strings.Repeat("a", 1<<16) + "$x$" + strings.Repeat("a", 1<<16) + "$",
		"long path":        "SET search_path = " + strings.Repeat("a,", 10_000) + "public",
		"many rows":        "INSERT INTO customers (name, email) VALUES " + strings.Repeat("('a','b'),", 1_000) + "('a','b')",
	} {
		o := app.simple(sql, "", 0)
		if strings.HasPrefix(o.code, "XX") {
			t.Errorf("%s: %s %s", name, o.code, o.message)
		}
		app.usable(t, name)
	}
}
