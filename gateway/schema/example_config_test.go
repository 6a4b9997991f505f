package schema_test

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/crypto/sealed"
	"github.com/portcullisdb/portcullis/shard"

	cryptorand "crypto/rand"
)

// TestExampleConfiguration applies examples/demo as it stands, its addresses taken from the environment.
func TestExampleConfiguration(t *testing.T) {
	w := shop(t)
	verifier := "SCRAM-SHA-256$4096:" + strings.Repeat("A", 24) + "$" + strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 32))+":", 2)
	verifier = strings.TrimSuffix(verifier, ":")
	_, compiled, err := config.Open(config.Options{Path: "../../examples/demo/portcullis.yaml", Environ: []string{
		"SHOP_APP_VERIFIER=" + verifier, "SHOP_SUPPORT_VERIFIER=" + verifier,
		"SHOP_LOGICAL_URL=" + w.deployment.Logical.URL, "SHOP_LOGICAL_OWNER_URL=" + w.deployment.Logical.Owner,
		"SHOP_DS_0_URL=" + w.deployment.Datasources["ds_0"].URL, "SHOP_DS_0_OWNER_URL=" + w.deployment.Datasources["ds_0"].Owner,
		"SHOP_DS_1_URL=" + w.deployment.Datasources["ds_1"].URL, "SHOP_DS_1_OWNER_URL=" + w.deployment.Datasources["ds_1"].Owner,
	}}, config.Validators{ExpandNodes: func(expr string) ([]policy.Node, error) {
		expanded, err := shard.ExpandNodes(expr)
		var nodes []policy.Node
		for _, n := range expanded {
			nodes = append(nodes, policy.Node(n))
		}
		return nodes, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.policy = compiled.Databases["shop"]
	w.mustApply()
	golden(t, "shop.ds_0.txt", w.tables("ds_0"))
	golden(t, "shop.ds_1.txt", w.tables("ds_1"))
	w.checkFinds()
	if support := compiled.Users["support"].Views["shop"]; !support.Restricted() {
		t.Error("support sees all")
	}
}

// TestFunctionsReadWhatIsSealed lets PostgreSQL read values that package sealed has made.
func TestFunctionsReadWhatIsSealed(t *testing.T) {
	w := shop(t)
	w.mustApply()
	kekPath := filepath.Join(t.TempDir(), "kek")
	if err := file.Create(kekPath, cryptorand.Reader); err != nil {
		t.Fatal(err)
	}
	kek, err := file.Open(kekPath)
	if err != nil {
		t.Fatal(err)
	}
	store, err := folder.Create(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.Create(t.Context(), kek, store, "pii")
	if err != nil {
		t.Fatal(err)
	}
	text, err := datum.ParseType("text")
	if err != nil {
		t.Fatal(err)
	}
	conn := w.connect(w.deployment.Datasources["ds_0"].URL)
	defer conn.Close(t.Context())
	for _, value := range []string{"", "carol@example.com", strings.Repeat("long", 1<<18)} {
		for _, equality := range []bool{true, false} {
			column := sealed.Column{ID: "7d9f4b62-0c8e-4f0e-9d7f-5f3f2a1b0c9d", Type: text, Equality: equality}
			if equality {
				column.Domain = "email"
			}
			sealer, err := sealed.NewSealer(keys, column)
			if err != nil {
				t.Fatal(err)
			}
			stored, err := sealer.Seal(nil, []byte(value))
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			if equality {
				if want, err = sealer.EqualityToken(nil, []byte(value)); err != nil {
					t.Fatal(err)
				}
			}
			var token []byte
			var isSealed bool
			err = conn.QueryRow(t.Context(), "SELECT portcullis.eq_1(v::bytea), portcullis.is_sealed(v::bytea) FROM (SELECT $1::bytea) t(v)",
				stored).Scan(&token, &isSealed)
			if err != nil || string(token) != string(want) || !isSealed {
				t.Errorf("%d bytes, equality %v: token %x, want %x; sealed %v, error %v", len(value), equality, token, want, isSealed, err)
			}
		}
	}
}
