package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/gateway/schema"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// TestErrorsOfNodesNameLogicalObjects maps errors that a real server raises.
func TestErrorsOfNodesNameLogicalObjects(t *testing.T) {
	w := shop(t)
	w.deployment.Schema += "ALTER TABLE customers ADD CONSTRAINT customers_ssn_key UNIQUE (ssn);"
	w.mustApply()
	names := schema.NewObjectNames(w.policy)
	conn := w.connect(w.deployment.Datasources["ds_1"].URL)
	defer conn.Close(context.Background())
	sealed := `'\x0101aaaaaaaa` + strings.Repeat("07", 49) + `'`
	for _, c := range []struct{ sql, message, detail, table, constraint string }{
		{"INSERT INTO customers_2 (id, name, email, ssn) VALUES (2, 'x', " + sealed + ", " + sealed + ")", "", "", "", ""},
		{"INSERT INTO customers_2 (id, name, email) VALUES (2, 'x', " + sealed + ")",
			`duplicate key value violates unique constraint "customers_pkey"`, "Key (id)=(2) already exists.", "customers", "customers_pkey"},
		{"INSERT INTO customers_2 (id, name, email, ssn) VALUES (6, 'x', " + sealed + ", " + sealed + ")",
			`duplicate key value violates unique constraint "customers_ssn_key"`, "", "customers", "customers_ssn_key"},
		{"INSERT INTO orders_3 (customer_id, id, amount) VALUES (7, 1, 1)",
			`insert or update on table "orders" violates foreign key constraint "orders_customer_id_fkey"`,
			`Key (customer_id)=(7) is not present in table "customers".`, "orders", "orders_customer_id_fkey"},
		{"INSERT INTO orders_3 (customer_id, id, amount) VALUES (7, 1, -1)",
			`new row for relation "orders" violates check constraint "orders_amount_check"`, "*", "orders", "orders_amount_check"},
		{"INSERT INTO customers_3 (id, email) VALUES (7, " + sealed + ")",
			`null value in column "name" of relation "customers" violates not-null constraint`, "*", "customers", ""},
	} {
		_, err := conn.Exec(t.Context(), c.sql, pgx.QueryExecModeSimpleProtocol)
		var server *pgconn.PgError
		if c.message == "" && err == nil {
			continue
		}
		if !errors.As(err, &server) {
			t.Fatalf("%s: %v", c.sql, err)
		}
		given := &sqlstate.Error{Code: sqlstate.FromServer(server.Code), Message: server.Message, Detail: server.Detail,
			Schema: server.SchemaName, Table: server.TableName, Constraint: server.ConstraintName}
		before := *given
		got := names.Error("ds_1", given)
		if got.Message != c.message || c.detail != "*" && got.Detail != c.detail || got.Table != c.table || got.Constraint != c.constraint {
			t.Errorf("%s:\n%+v", c.sql, got)
		}
		if *given != before {
			t.Errorf("%s: the server's error was modified", c.sql)
		}
	}
}

func TestObjectNames(t *testing.T) {
	names := schema.NewObjectNames(shopPolicy())
	if table, ok := names.Table("ds_1", "public", "customers_3"); !ok || table != name("customers") {
		t.Errorf("customers_3 is %v, %v", table, ok)
	}
	if _, ok := names.Table("ds_0", "public", "customers_3"); ok {
		t.Error("customers_3 is on ds_1 only")
	}
	for _, c := range []struct{ table, given, want string }{
		{"customers_3", "customers_pkey_3", "customers_pkey"}, {"customers_3", "customers_pkey_2", "customers_pkey_2"},
		{"customers_3", "email_is_sealed", "email_is_sealed"}, {"countries", "countries_pkey", "countries_pkey"}, {"unknown", "x_3", "x_3"},
	} {
		if got := names.Constraint("ds_1", "public", c.table, c.given); got != c.want {
			t.Errorf("%s of %s is %s", c.given, c.table, got)
		}
	}
}
