package config

import (
	"strings"
	"testing"
)

const overrideBase = `users: [{name: app, verifier: "env:VERIFIER", roles: [a]}]
databases:
  shop:
    logical: "postgres://127.0.0.1/shop"
    datasources:
      ds_0: {url: "postgres://127.0.0.1/ds_0"}
      ds-1: {url: "postgres://127.0.0.1/ds_1", pool: {max: 5}}
      ds_1: {url: "postgres://127.0.0.1/ds_1b"}
    algorithms: {by_id: {type: COSID_MOD, props: {mod: 1, logic-name-prefix: t_}}}
    tables:
      t: {nodes: ds_0.t_0, shard: {column: id, algorithm: by_id}}
      archive.t: {datasource: ds_0}
      Shop__t: {datasource: ds_0}
audit: {file: {path: audit.jsonl}}
`

// TestOverrides: the environment wins over the file, a flag over both.
func TestOverrides(t *testing.T) {
	for _, test := range []struct {
		name    string
		environ []string
		flags   []Override
		get     func(*Config) any
		want    any
		err     string
	}{
		{"a value of the file", []string{"PORTCULLIS_LISTEN__ADDRESS=127.0.0.1:1"}, nil,
			func(c *Config) any { return c.Listen.Address }, "127.0.0.1:1", ""},
		{"lower case", []string{"PORTCULLIS_listen__Address=127.0.0.1:1"}, nil,
			func(c *Config) any { return c.Listen.Address }, "127.0.0.1:1", ""},
		{"a boolean", []string{"PORTCULLIS_AUDIT__ALL=true"}, nil, func(c *Config) any { return c.Audit.All }, true, ""},
		{"a number in a block that the file has not", []string{"PORTCULLIS_DATABASES__SHOP__DATASOURCES__DS_0__POOL__MAX=7"}, nil,
			func(c *Config) any { return c.Databases[0].Datasources[0].Pool.Max }, 7, ""},
		{"a size", []string{"PORTCULLIS_LIMITS__STATEMENT_BYTES=2MB"}, nil,
			func(c *Config) any { return c.Limits.StatementBytes }, 2 << 20, ""},
		{"a secret by reference", []string{"PORTCULLIS_DATABASES__SHOP__LOGICAL=env:URL", "URL=postgres://x:canary@127.0.0.1/shop"}, nil,
			func(c *Config) any { return c.Databases[0].Logical.Reveal() }, "postgres://x:canary@127.0.0.1/shop", ""},
		{"a property", []string{"PORTCULLIS_DATABASES__SHOP__ALGORITHMS__BY_ID__PROPS__LOGIC_NAME_PREFIX=x_"}, nil,
			func(c *Config) any { return c.Databases[0].Algorithms[0].Props["logic-name-prefix"] }, "x_", ""},
		{"a name with a dot", []string{"PORTCULLIS_DATABASES__SHOP__TABLES__ARCHIVE_T__DATASOURCE=ds_1"}, nil,
			func(c *Config) any { return c.Databases[0].Tables[1].Datasource }, "ds_1", ""},
		{"a name with two underscores", []string{"PORTCULLIS_DATABASES__SHOP__TABLES__SHOP__T__DATASOURCE=ds_1"}, nil,
			func(c *Config) any { return c.Databases[0].Tables[2].Datasource }, "ds_1", ""},
		{"a flag wins", []string{"PORTCULLIS_LISTEN__ADDRESS=127.0.0.1:1"}, []Override{{"--listen", "listen.address", "127.0.0.1:2"}},
			func(c *Config) any { return c.Listen.Address }, "127.0.0.1:2", ""},
		{"a flag for a name with a dot", nil, []Override{{"--set", "databases.shop.tables.archive.t.datasource", "ds_1"}},
			func(c *Config) any { return c.Databases[0].Tables[1].Datasource }, "ds_1", ""},
		{"a flag tells the names that the environment cannot", nil, []Override{{"--set", "databases.shop.datasources.ds-1.pool.max", "9"}},
			func(c *Config) any { return c.Databases[0].Datasources[1].Pool.Max }, 9, ""},
		{"variables of others", []string{"PORTCULLIS_PORT=tcp://10.0.0.1:6432", "PORTCULLIS_PORT_6432_TCP_ADDR=10.0.0.1",
			"PORTCULLIS_SERVICE_HOST=10.0.0.1", "PORTCULLIS_SERVICE_PORT_SQL=6432", "PORTCULLIS_AUDIT_SERVICE_HOST=10.0.0.1",
			"PORTCULLIS_KEYS_PORT_80_TCP=x", "PORTCULLIS_VECTORS=x", "PORTCULLIS_BINARY=x", "OTHER__KEY=1"}, nil,
			func(c *Config) any { return c.Listen.Address }, "127.0.0.1:6432", ""},

		{"one underscore", []string{"PORTCULLIS_LISTEN_ADDRESS=x"}, nil, nil, nil,
			`PORTCULLIS_LISTEN_ADDRESS: unknown key "LISTEN_ADDRESS" (keys are separated by two underscores: did you mean PORTCULLIS_LISTEN__ADDRESS?)`},
		{"a misspelt key", []string{"PORTCULLIS_LISTEN__ADRESS=x"}, nil, nil, nil,
			`PORTCULLIS_LISTEN__ADRESS: unknown key "ADRESS" in listen (did you mean "address"?)`},
		{"a misspelt first key", []string{"PORTCULLIS_PRODUCTON=true"}, nil, nil, nil,
			`PORTCULLIS_PRODUCTON: unknown key "PRODUCTON" (did you mean "production"?)`},
		{"a name that the file has not", []string{"PORTCULLIS_DATABASES__SHIP__LOGICAL=x"}, nil, nil, nil,
			`PORTCULLIS_DATABASES__SHIP__LOGICAL: unknown key "SHIP" in databases (did you mean "shop"?)`},
		{"two names that are one", []string{"PORTCULLIS_DATABASES__SHOP__DATASOURCES__DS_1__POOL__MAX=7"}, nil, nil, nil,
			`PORTCULLIS_DATABASES__SHOP__DATASOURCES__DS_1__POOL__MAX: the names "ds-1" and "ds_1" in databases.shop.datasources are one to the environment (use a flag or the file)`},
		{"a list", []string{"PORTCULLIS_USERS__0__NAME=x"}, nil, nil, nil,
			`PORTCULLIS_USERS__0__NAME: users is a list, which only the file can give`},
		{"a whole list", []string{"PORTCULLIS_USERS=x"}, nil, nil, nil,
			`PORTCULLIS_USERS: users is a list, which only the file can give`},
		{"a block", []string{"PORTCULLIS_LISTEN=x"}, nil, nil, nil, `PORTCULLIS_LISTEN: listen is not a single value (name a key below it)`},
		{"below a value", []string{"PORTCULLIS_PRODUCTION__X=x"}, nil, nil, nil,
			`PORTCULLIS_PRODUCTION__X: there is no key below production`},
		{"an odd name", []string{"PORTCULLIS_LISTEN__\nADDRESS=x"}, nil, nil, nil,
			`environment: variable "PORTCULLIS_LISTEN__\nADDRESS" has a name that means no key`},
		{"a separator at the end", []string{"PORTCULLIS_LISTEN__=x"}, nil, nil, nil,
			`PORTCULLIS_LISTEN__: unknown key "LISTEN" (did you mean "listen"?)`},
		{"a wrong value", []string{"PORTCULLIS_AUDIT__ALL=perhaps"}, nil, nil, nil,
			`PORTCULLIS_AUDIT__ALL: audit.all must be true or false`},
		{"a wrong value of a flag", nil, []Override{{"--listen", "listen.address", "6432"}}, nil, nil,
			`--listen: listen.address "6432" is not an address with a port (it looks like "127.0.0.1:6432" or "[::1]:6432")`},
		{"a key that is refused", []string{"PORTCULLIS_DATABASES__SHOP__TABLES__T__SHARD__DATABASE=x"}, nil, nil, nil,
			`PORTCULLIS_DATABASES__SHOP__TABLES__T__SHARD__DATABASE: unknown key "DATABASE" in databases.shop.tables.t.shard (known names: algorithm, column)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Load(Options{Path: write(t, overrideBase), Environ: append(test.environ, "VERIFIER="+verifier), Overrides: test.flags})
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("error %v\nwant  %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := test.get(c); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestOverridePositions: an override is reported under its own name, after what stands in the file.
func TestOverridePositions(t *testing.T) {
	path := write(t, strings.Replace(overrideBase, "audit:", "adit:", 1))
	_, err := Load(Options{Path: path, Environ: []string{"VERIFIER=" + verifier, "PORTCULLIS_LISTEN__ADDRESS=x"}})
	want := path + `:14: unknown key "adit" (did you mean "audit"?)` + "\n" +
		`PORTCULLIS_LISTEN__ADDRESS: listen.address "x" is not an address with a port (it looks like "127.0.0.1:6432" or "[::1]:6432")`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
