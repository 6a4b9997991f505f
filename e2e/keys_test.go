package e2e_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestRotate: after a rotation and a reload new values are sealed with the new key, and old ones stay readable and
// searchable.
func TestRotate(t *testing.T) {
	s := theShop(t)
	ctx := context.Background()
	conn := s.connect(t, "app", pgx.QueryExecModeCacheStatement)
	before := unique(t, "before")
	old := insert(t, conn, before, "123-45-6789")
	listed, code := s.run("", "keys", "list")
	if code != 0 {
		t.Fatalf("keys list: %s", listed)
	}
	if out, code := s.run("", "keys", "rotate", "pii"); code != 0 {
		t.Fatalf("keys rotate: %s", out)
	}
	if after, _ := s.run("", "keys", "list"); after == listed {
		t.Fatalf("keys list says the same after the rotation: %s", after)
	}
	reloads := strings.Count(s.log.String(), "msg=reloaded")
	if err := s.gateway.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); strings.Count(s.log.String(), "msg=reloaded") == reloads; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no reload: %s", s.log)
		}
	}
	after := unique(t, "after")
	young := insert(t, conn, after, "123-45-6789")
	for email, id := range map[string]int64{before: old, after: young} {
		var ssn string
		if err := conn.QueryRow(ctx, "SELECT ssn FROM customers WHERE email = $1 AND ssn = $2 AND id = $3", email, "123-45-6789", id).
			Scan(&ssn); err != nil || ssn != "123-45-6789" {
			t.Errorf("%s: %q, %v", email, ssn, err)
		}
	}
	// The key id is Tink's prefix of the ciphertext, behind header and token: 01, then four bytes.
	keyID := func(id int64) string {
		rows := s.shards(t, "customers", "SELECT substr(ssn::bytea, 23, 5) FROM %s WHERE id = $1", id)
		if len(rows) != 1 || len(rows[0][0]) != 5 || rows[0][0][0] != 1 {
			t.Fatalf("no ciphertext where it was expected: %q", rows)
		}
		return rows[0][0]
	}
	if keyID(old) == keyID(young) {
		t.Error("the value sealed after the rotation has the old key's id")
	}
}
