package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/gateway/schema"
)

// sealedRow inserts a customer into a node's table whose e-mail is bytes of the sealed form.
const sealedRow = `INSERT INTO customers_0 (id, name, email) VALUES (4, 'x', '\x0100aaaaaaaa000000000000000000000000000000000000000000000000000000000000000000')`

func TestCheckNamesEachDrift(t *testing.T) {
	base := shop(t)
	base.mustApply()
	for _, c := range []struct {
		datasource, sql string
		want            []string
		repaired        bool // by Apply
	}{
		{"ds_0", "DROP TABLE orders_1", []string{`fatal: ds_0.orders_1: table "public.orders_1" does not exist ("portcullis schema apply" makes it.)`, "orders_customer_id_fkey_1"}, true},
		{"ds_0", "ALTER TABLE customers_0 DROP COLUMN city", []string{`fatal: ds_0.customers_0: column "city" of "public.customers_0" does not exist`, "customers_city_idx_0"}, true},
		{"ds_0", "ALTER TABLE customers_0 DROP COLUMN email; ALTER TABLE customers_0 ADD COLUMN email text",
			[]string{`fatal: ds_0.customers_0: column "email" of "public.customers_0" is of type text, not sealed (It holds plaintext`, "email_is_sealed", "customers_email_eq_1_0", "NOT NULL"}, false},
		{"ds_0", "ALTER TABLE customers_1 ALTER COLUMN city TYPE varchar(9)", []string{`fatal: ds_0.customers_1: column "city" of "public.customers_1" is of type character varying(9), not text`}, false},
		{"ds_0", "ALTER TABLE customers_1 ALTER COLUMN city TYPE portcullis.sealed USING NULL", []string{`column "city" of "public.customers_1" is sealed, but the configuration does not encrypt it`}, false},
		{"ds_0", "ALTER TABLE customers_1 ALTER COLUMN name DROP NOT NULL, ALTER COLUMN created_at SET DEFAULT '2020-01-01'",
			[]string{`warning: ds_0.customers_1: column "name" of "public.customers_1" differs`, "another default"}, false},
		{"ds_0", "ALTER TABLE customers_1 ADD COLUMN extra int", []string{`warning: ds_0.customers_1: column "extra" of "public.customers_1" is not in the logical table`}, false},
		{"ds_0", "ALTER TABLE customers_1 ADD COLUMN extra int NOT NULL", []string{`fatal: ds_0.customers_1: column "extra" of "public.customers_1" is not in the logical table, and may not be null`}, false},
		{"ds_0", "ALTER TABLE customers_0 DROP CONSTRAINT ssn_is_sealed; " + sealedRow, []string{`fatal: ds_0.customers_0: constraint "ssn_is_sealed" of "public.customers_0" does not exist`}, true},
		{"ds_0", "ALTER TABLE customers_0 DROP CONSTRAINT ssn_is_sealed, ADD CONSTRAINT ssn_is_sealed CHECK (portcullis.is_sealed(ssn)) NOT VALID",
			[]string{`warning: ds_0.customers_0: constraint "ssn_is_sealed" of "public.customers_0" was not validated`}, true},
		{"ds_0", "ALTER TABLE orders_0 DROP CONSTRAINT orders_customer_id_fkey_0, ADD CONSTRAINT orders_customer_id_fkey_0 FOREIGN KEY (customer_id) REFERENCES customers_0 NOT VALID",
			[]string{`warning: ds_0.orders_0: constraint "orders_customer_id_fkey_0" of "public.orders_0" was not validated`}, true},
		{"ds_0", "ALTER TABLE customers_0 DROP CONSTRAINT ssn_is_sealed, ADD CONSTRAINT ssn_is_sealed CHECK (true OR portcullis.is_sealed(ssn))",
			[]string{`fatal: ds_0.customers_0: constraint "ssn_is_sealed" of "public.customers_0" is not what`}, false},
		{"ds_0", "ALTER TABLE orders_0 DROP CONSTRAINT orders_amount_check_0, ADD CONSTRAINT orders_amount_check_0 CHECK (amount > 5)",
			[]string{`warning: ds_0.orders_0: constraint "orders_amount_check_0" of "public.orders_0" is not what`}, false},
		{"ds_0", "ALTER TABLE orders_0 DROP CONSTRAINT orders_pkey_0, DROP CONSTRAINT orders_customer_id_fkey_0", []string{`"orders_pkey_0"`, `"orders_customer_id_fkey_0"`}, true},
		{"ds_0", "DROP INDEX customers_email_eq_1_0", []string{`warning: ds_0.customers_0: index "customers_email_eq_1_0" of "public.customers_0" does not exist`}, true},
		{"ds_0", "DROP INDEX customers_email_eq_1_0; CREATE INDEX customers_email_eq_1_0 ON customers_0 (email)", []string{`index "customers_email_eq_1_0" of "public.customers_0" is not what`}, false},
		{"ds_0", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER eater BEFORE INSERT ON customers_0 EXECUTE FUNCTION f()",
			[]string{`fatal: ds_0.customers_0: table "public.customers_0" has trigger "eater"`}, false},
		{"ds_0", "CREATE RULE copied AS ON INSERT TO orders_0 DO NOTHING", []string{`fatal: ds_0.orders_0: table "public.orders_0" has rule "copied"`}, false},
		{"ds_0", "ALTER TABLE orders_0 ENABLE ROW LEVEL SECURITY", []string{`fatal: ds_0.orders_0: table "public.orders_0" has row-level security`}, false},
		{"ds_0", "CREATE TABLE child () INHERITS (customers_0)", []string{`table "public.customers_0" has inheritance`}, false},
		{"ds_0", "ALTER TABLE countries ENABLE ROW LEVEL SECURITY", []string{`warning: ds_0.countries: table "public.countries" has row-level security`}, false},
		{"ds_0", "REVOKE INSERT ON customers_0 FROM gateway; REVOKE USAGE ON SCHEMA portcullis FROM gateway",
			[]string{`fatal: ds_0: role "gateway" lacks the privilege INSERT on table public.customers_0`, "USAGE on schema portcullis"}, true},
		{"ds_0", "DROP SCHEMA portcullis CASCADE", append(strings.Split(strings.Repeat(`does not exist,`, 24), ",")[:24], "schema portcullis is not complete"), true},
		{"ds_0", "CREATE OR REPLACE FUNCTION portcullis.eq_1(portcullis.sealed) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN substr($1, 7, 16)",
			[]string{"fatal: ds_0: function portcullis.eq_1 is not what this version makes"}, false},
		{"ds_0", "ALTER FUNCTION portcullis.is_sealed(portcullis.sealed) STRICT", []string{"function portcullis.is_sealed is not what this version makes"}, false},
		{"ds_0", "ALTER DOMAIN portcullis.sealed ADD CHECK (true)", []string{"domain portcullis.sealed is not what this version makes"}, false},
		{"", "DROP TABLE orders", []string{`fatal: logical database: table "public.orders" does not exist`}, false},
		{"", "ALTER TABLE customers DROP COLUMN ssn", []string{`fatal: logical database: column "ssn" of "public.customers" does not exist`,
			`ds_0.customers_0: column "ssn"`, `ds_0.customers_1: column "ssn"`, `ds_1.customers_2: column "ssn"`, `ds_1.customers_3: column "ssn"`}, false},
		{"", "ALTER TABLE customers ALTER COLUMN balance TYPE numeric(10,2)", []string{`column "balance" of "public.customers" is of type numeric(10,2), but numeric(12,2) in the configuration`}, false},
		{"", "DELETE FROM portcullis.columns WHERE column_name = 'ssn'", []string{`fatal: logical database: encrypted column "ssn" of "public.customers" has no id`}, true},
		{"", "CREATE TABLE extra (a int); GRANT ALL ON extra TO gateway", []string{`fatal: logical database: table "public.extra" is not in the configuration`}, false},
		{"", "REVOKE SELECT ON portcullis.columns FROM gateway", []string{`fatal: logical database: role "gateway" lacks the privilege SELECT on table portcullis.columns`}, true},
		{"", "REVOKE USAGE ON SCHEMA portcullis FROM gateway", []string{`fatal: logical database: role "gateway" lacks the privilege USAGE on schema portcullis`}, true},
	} {
		t.Run(c.sql, func(t *testing.T) {
			w := base.copyWith(t, c.datasource)
			w.exec(c.datasource, c.sql)
			w.checkFinds(c.want...)
			if !c.repaired {
				return
			}
			if w.mustApply().Changes == 0 {
				t.Errorf("apply did nothing")
			}
			w.checkFinds()
		})
	}
}

func TestCheckReportsADatasourceThatIsDown(t *testing.T) {
	w := shop(t)
	w.mustApply()
	w.deployment.Datasources["ds_1"] = schema.Endpoint{URL: "postgres://gateway:canary@127.0.0.1:1/shop_1"}
	findings, err := schema.Check(t.Context(), w.policy, w.deployment.Databases)
	if err != nil || len(findings) != 1 || findings[0].Severity != schema.Fatal || findings[0].Datasource != "ds_1" || strings.Contains(fmt.Sprint(findings), "canary") {
		t.Errorf("findings %v, error %v", findings, err)
	}
	w.deployment.Logical.URL = "postgres://gateway:canary@127.0.0.1:1/shop"
	if _, err := schema.Check(t.Context(), w.policy, w.deployment.Databases); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v", err)
	}
}

func TestCheckSeesAnotherEncoding(t *testing.T) {
	w := shop(t)
	w.mustApply()
	if err := server(t).Exec(t.Context(), "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 OWNER owner"); err != nil {
		t.Fatal(err)
	}
	c := server(t)
	w.deployment.Datasources["ds_1"] = schema.Endpoint{URL: c.URLFor("gateway", "gateway", "latin"), Owner: c.URLFor("owner", "owner", "latin")}
	w.refuse("ds_1: the database's encoding is LATIN1, not UTF8")
}
