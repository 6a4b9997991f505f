package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/config/policy"
)

// vaultPolicy has three tables: "vault" with two nodes over its open column id, in which email (searchable, casefold), ssn
// (searchable) and note are encrypted; "entries", bound to it by vault_id; and "single" on ds_0.
func vaultPolicy() *policy.Database {
	encrypt := func(column string, equality, casefold bool) *policy.Column {
		return &policy.Column{Name: column, Type: "text", Encrypt: &policy.Encrypt{Keyset: "pii", Equality: equality, Casefold: casefold}}
	}
	nodes := func(table string) []policy.Node {
		return []policy.Node{{Datasource: "ds_0", Table: table + "_0"}, {Datasource: "ds_1", Table: table + "_1"}}
	}
	return &policy.Database{Name: "vault", Datasources: []string{"ds_0", "ds_1"}, Tables: map[policy.TableName]*policy.Table{
		name("vault"): {Name: name("vault"), Placement: policy.Sharded, Nodes: nodes("vault"), Shard: &policy.ShardKey{Column: "id"},
			Columns: map[string]*policy.Column{"email": encrypt("email", true, true), "ssn": encrypt("ssn", true, false), "note": encrypt("note", false, false)}},
		name("entries"): {Name: name("entries"), Placement: policy.Sharded, Nodes: nodes("entries"), Shard: &policy.ShardKey{Column: "vault_id"}},
		name("single"):  {Name: name("single"), Nodes: []policy.Node{{Datasource: "ds_0", Table: "single"}}, Binding: -1},
	}}
}

// vaultSchema is a schema.sql for vaultPolicy: %s are further elements of vault, of entries, and statements.
const vaultSchema = `CREATE TABLE single (id bigint UNIQUE, open int UNIQUE);
CREATE TABLE vault (id bigint PRIMARY KEY, email text, ssn text, note text, open int%s);
CREATE TABLE entries (vault_id bigint, id bigint%s);
%s`

func TestWhatCannotBeBuiltIsRefusedByName(t *testing.T) {
	w := newWorld(t, vaultPolicy(), "") // a refusal leaves it as it was
	for _, c := range []struct{ vault, entries, statements, want string }{
		{", PRIMARY KEY", "", "", "syntax error"},
		{", CONSTRAINT vault_note_key UNIQUE (note)", "", "", `UNIQUE "vault_note_key" of "public.vault" needs equality search on the encrypted column "note"`},
		{", UNIQUE (id, ssn) DEFERRABLE", "", "", `UNIQUE "vault_id_ssn_key" of "public.vault" is DEFERRABLE`},
		{", UNIQUE (open) INCLUDE (ssn)", "", "", `index "vault_open_ssn_key" of "public.vault" includes the encrypted column "ssn"`},
		{", CHECK (length(note) > 3)", "", "", `CHECK "vault_note_check" of "public.vault" needs the encrypted column "note" in clear`},
		{", CONSTRAINT whole CHECK (vault IS NOT NULL)", "", "", `CHECK "whole" of "public.vault" reads the whole row`},
		{", EXCLUDE (ssn WITH =)", "", "", `EXCLUDE "vault_ssn_excl" of "public.vault" needs the encrypted column "ssn" in clear`},
		{", EXCLUDE (lower(ssn) WITH =)", "", "", `EXCLUDE "vault_lower_excl" of "public.vault" needs the encrypted column "ssn" in clear`},
		{", made text GENERATED ALWAYS AS (upper(ssn)) STORED", "", "", `column "made" of "public.vault" is generated from the encrypted column "ssn"`},
		{"", ", note text REFERENCES nothing", "", `relation "nothing" does not exist`},
		{", UNIQUE (ssn)", ", ssn text REFERENCES vault (ssn)", "", `FOREIGN KEY "entries_ssn_fkey" of "public.entries" is over the encrypted column "ssn"`},
		{"", ", FOREIGN KEY (id) REFERENCES vault (id)", "", `FOREIGN KEY "entries_id_fkey" of "public.entries" refers to rows of "public.vault" on other nodes`},
		{"", ", FOREIGN KEY (id) REFERENCES single (id)", "", `FOREIGN KEY "entries_id_fkey" of "public.entries" refers to rows of "public.single" on other nodes`},
		{", parent bigint REFERENCES vault (id)", "", "", `FOREIGN KEY "vault_parent_fkey" of "public.vault" refers to rows of "public.vault" on other nodes`},
		{"", "", "CREATE INDEX by_note ON vault (note);", `index "by_note" of "public.vault" needs equality search on the encrypted column "note"`},
		{"", "", "CREATE INDEX by_mail ON vault (lower(email));", `index "by_mail" of "public.vault" computes with the encrypted column "email"`},
		{"", "", "CREATE INDEX by_open ON vault (open) WHERE ssn > '3';", `index "by_open" of "public.vault" computes with the encrypted column "ssn"`},
		{"", "", "CREATE UNIQUE INDEX by_open ON vault (open) INCLUDE (note);", `index "by_open" of "public.vault" includes the encrypted column "note"`},
		{"", "", "CREATE INDEX by_ssn ON vault USING brin (ssn);", `index "by_ssn" of "public.vault" is of method "brin"`},
		{", CONSTRAINT " + strings.Repeat("n", 62) + " CHECK (open > 0)", "", "", "Give it a name of at most 61 bytes."},
		{"", "", "CREATE TABLE other (a int);", `table "public.other" is not in the configuration`},
		{", counted serial", "", "", `refused: sequence (of serial or identity) "public.vault_counted_seq"`},
		{", counted int GENERATED ALWAYS AS IDENTITY", "", "", `refused: sequence (of serial or identity) "public.vault_counted_seq"`},
		{"", "", "CREATE TABLE child (a int) INHERITS (vault);", `refused: inheritance of "public.child"`},
		{"", "", "CREATE TABLE parts (a int) PARTITION BY LIST (a);", `refused: partitioned table "public.parts"`},
		{"", "", "CREATE TABLE copy AS SELECT 1 AS a;", `table "public.copy" has rows`},
		{"", "", "ALTER TABLE vault ADD CONSTRAINT c CHECK (open > 0), ENABLE ROW LEVEL SECURITY;", `refused: row-level security of "public.vault"`},
		{"", "", "CREATE SCHEMA s CREATE VIEW v AS SELECT 1 AS a;", `refused: view "s.v"`},

		{"", "", "CREATE VIEW v AS SELECT 1;", "schema.sql:4: CREATE VIEW may not stand here"},
		{"", "", "\n\nCREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;", "schema.sql:6: CREATE OR REPLACE FUNCTION may not stand here"},
		{"", "", "/* x\n; */ INSERT INTO vault (id) VALUES (1);", "schema.sql:5: INSERT may not stand here"},
		{"", "", "COMMIT;", "schema.sql:4: COMMIT may not stand here"},
		{"", "", "DO $$ BEGIN END $$;", "schema.sql:4: DO may not stand here"},
		{"", "", "CREATE EXTENSION pgcrypto;", "schema.sql:4: CREATE EXTENSION may not stand here"},
		{"", "", "ALTER TABLE ONLY vault OWNER TO gateway;", "schema.sql:4: ALTER TABLE may only ADD CONSTRAINT here"},
		{"", "", "SET session_replication_role = replica;", "schema.sql:4: SET may not stand here"},
		{"", "", "CREATE TEMP TABLE x (a int);", "schema.sql:4: CREATE TEMP TABLE may not stand here"},
		{"", "", "CREATE TABLE broken (\n  a int,\n  b nothere);", `schema.sql:6: type "nothere" does not exist`},
		{"", "", "CREATE TABLE broken ('", "schema.sql:4: unterminated quoted string"},
	} {
		w.deployment.Schema = fmt.Sprintf(vaultSchema, c.vault, c.entries, c.statements)
		w.refuse(c.want)
		if got := w.query("", "SELECT count(*) FROM pg_class WHERE relname IN ('vault', 'columns') AND relkind = 'r'"); got[0] != "0" {
			t.Errorf("%s: the refusal left tables behind", c.want)
		}
		if t.Failed() {
			return
		}
	}
}

func TestRefusedSealedColumns(t *testing.T) {
	w := newWorld(t, vaultPolicy(), "")
	for sql, want := range map[string]string{
		"id bigint, email text DEFAULT 'x', ssn text, note text":                                    `the encrypted column "email" of "public.vault" has a DEFAULT`,
		"id bigint, email text GENERATED ALWAYS AS ('x'::text) STORED, ssn text, note text":         `the encrypted column "email" of "public.vault" is generated`,
		"id bigint, email text, ssn text PRIMARY KEY, note text":                                    `PRIMARY KEY "vault_pkey" of "public.vault" needs the encrypted column "ssn" in clear`,
		"id bigint, email text, ssn text":                                                           `column "note" of "public.vault" does not exist`,
		"id bigint, email text, ssn varchar(11), note text":                                         `column "ssn" of "public.vault" is of type character varying(11), but text in the configuration`,
		"email text, ssn text, note text":                                                           `the shard key "id" of "public.vault" is not a column of it`,
		"id bigint, email text, ssn text, note text); CREATE TABLE missing (a int":                  `table "public.entries" does not exist`,
		"id bigint, email text, ssn text, note text, UNIQUE (id, email)); CREATE TABLE more (a int": `table "public.more" is not in the configuration`,
	} {
		w.deployment.Schema = "CREATE TABLE vault (" + sql + ");"
		w.refuse(want)
	}
	w.deployment.Schema = fmt.Sprintf(vaultSchema, "", "", "")
	w.policy.Tables[name("vault")].Columns["note"].Type = "nothing(3)"
	w.refuse(`column "note" of "public.vault" has the unknown type "nothing(3)"`)
	w.policy.Tables[name("vault")].Columns["note"].Type = "text; SELECT 1"
	w.refuse(`column "note" of "public.vault" has the unknown type`)
}

func TestBuiltBesideTheRefused(t *testing.T) {
	w := newWorld(t, vaultPolicy(), fmt.Sprintf(vaultSchema,
		`, CONSTRAINT vault_email_key UNIQUE (email), UNIQUE NULLS NOT DISTINCT (id, ssn), "Odd ""one""" varchar(3) COLLATE "C" DEFAULT 'a;b',
			doubled int GENERATED ALWAYS AS (open * 2) STORED, CONSTRAINT open_check CHECK (open > 0) NO INHERIT`,
		`, FOREIGN KEY (vault_id) REFERENCES vault ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED`,
		`CREATE INDEX by_open_ssn ON vault USING btree (open DESC, ssn DESC NULLS LAST) WITH (fillfactor = 70);
		CREATE UNIQUE INDEX by_pattern ON vault ("Odd ""one""" COLLATE "POSIX" text_pattern_ops, id, (open + 1)) WHERE doubled IS NOT NULL;
		CREATE INDEX by_ssn ON vault USING hash (ssn);
		COMMENT ON COLUMN vault.open IS 'open';
		SET statement_timeout = 0;
		SELECT pg_catalog.set_config('search_path', '', false);
		ALTER TABLE ONLY public.single ADD CONSTRAINT self FOREIGN KEY (open) REFERENCES public.single (open) MATCH FULL ON DELETE SET NULL;
		ALTER TABLE public.single ADD CONSTRAINT unchecked CHECK (id > 0) NOT VALID;`))
	result := w.mustApply()
	var warnings strings.Builder
	for _, f := range result.Warnings {
		fmt.Fprintln(&warnings, f)
	}
	golden(t, "vault.warnings.txt", warnings.String())
	golden(t, "vault.ds_0.txt", w.tables("ds_0"))
	if w.mustApply().Changes != 0 {
		t.Errorf("the second apply said %v", w.said)
	}
	w.checkFinds(strings.Split(strings.TrimSpace(warnings.String()), "\n")...)
}

func TestTablesInOtherSchemas(t *testing.T) {
	db := vaultPolicy()
	other := policy.TableName{Schema: "Other", Name: "vault"}
	moved := db.Tables[name("vault")]
	moved.Name = other
	db.Tables = map[policy.TableName]*policy.Table{other: moved}
	w := newWorld(t, db, `CREATE SCHEMA "Other"; CREATE TABLE "Other".vault (id bigint PRIMARY KEY, email text, ssn text, note text);`)
	w.mustApply()
	w.checkFinds()
	if got := w.query("ds_1", `SELECT count(*) FROM "Other".vault_1`); got[0] != "0" {
		t.Errorf("vault_1 has %s rows", got[0])
	}
	w.deployment.Schema += " -- changed"
	w.mustApply()
	w.checkFinds()
}
