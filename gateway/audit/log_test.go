package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testKey is a fixed key, so that logs of tests are the same bytes each time.
var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func testPublicKey() ed25519.PublicKey { return testKey.Public().(ed25519.PublicKey) }

// testClock ticks a second at each look.
func testClock() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func testOptions(dir string) Options {
	return Options{SigningKey: testKey, AnchorPath: filepath.Join(dir, "anchors.jsonl"), AnchorInterval: time.Hour,
		NoSync: true, Random: bytes.NewReader(bytes.Repeat([]byte{9}, 16))}
}

func mustOpen(t testing.TB, path string, options Options) *Log {
	t.Helper()
	l, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func record(t testing.TB, l *Log, statement string) {
	t.Helper()
	if err := l.Record(context.Background(), &Event{Kind: KindStatement, Statement: statement}); err != nil {
		t.Fatal(err)
	}
}
