package config

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const canary = "canary-swordfish"

// TestSecretIsNeverPrinted holds a secret in every way that a program may print by accident.
func TestSecretIsNeverPrinted(t *testing.T) {
	secret := NewSecret(canary)
	type exported struct{ S Secret }
	type hidden struct{ s Secret }
	values := map[string]any{
		"secret": secret, "pointer": &secret, "exported field": exported{secret}, "hidden field": hidden{secret},
		"pointer to hidden field": &hidden{secret}, "slice": []Secret{secret}, "map": map[string]Secret{"a": secret},
		"datasource": &Datasource{URL: secret}, "user": &User{Verifier: secret}, "config": &Config{Users: []User{{Verifier: secret}}},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%T", "%w"} {
			checkHidden(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		checkHidden(t, name+" print", fmt.Sprint(value)+fmt.Sprintln(value))
		if encoded, err := json.Marshal(value); err == nil {
			checkHidden(t, name+" json", string(encoded))
		}
		if _, isBlock := value.(interface{ At(...string) Position }); !isBlock { // yaml refuses embedded private types
			if encoded, err := yaml.Marshal(value); err == nil {
				checkHidden(t, name+" yaml", string(encoded))
			}
		}
		if encoded, err := xml.Marshal(value); err == nil {
			checkHidden(t, name+" xml", string(encoded))
		}
		var buffer bytes.Buffer
		_ = gob.NewEncoder(&buffer).Encode(value)
		checkHidden(t, name+" gob", buffer.String())
		for _, handler := range []slog.Handler{slog.NewTextHandler(&buffer, nil), slog.NewJSONHandler(&buffer, nil)} {
			slog.New(handler).Info("message", "value", value, slog.Any("group", slog.GroupValue(slog.Any("value", value))))
		}
		checkHidden(t, name+" slog", buffer.String())
	}
	for _, got := range []string{fmt.Sprint(secret), fmt.Sprintf("%#v", secret), fmt.Sprintf("%x", exported{secret})} {
		if !strings.Contains(got, "<secret>") {
			t.Errorf("%q does not say that there is a secret", got)
		}
	}
	if secret.Reveal() != canary || secret.Empty() || !(Secret{}).Empty() || (Secret{}).Reveal() != "" {
		t.Error("Reveal or Empty")
	}
}

func checkHidden(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the secret: %s", what, text)
		}
	}
}

func TestSecretReferences(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"lf": canary + "\n", "crlf": canary + "\r\n", "two": canary + "\n\n", "empty": "\n",
		"large": strings.Repeat("x", secretBytesMax+2)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lookup := lookupIn([]string{"SET=" + canary, "EMPTY=", "OTHER"})
	for _, test := range []struct{ text, want, err string }{
		{"file:lf", canary, ""},
		{"file:crlf", canary, ""},
		{"file:two", canary + "\n", ""},
		{"file:" + filepath.Join(folder, "lf"), canary, ""},
		{"file:empty", "", "empty: is empty"},
		{"file:large", "", "large: longer than 65536 bytes"},
		{"file:none", "", "none: no such file or directory"},
		{"file:.", "", ".: is a folder"},
		{"env:SET", canary, ""},
		{"env:EMPTY", "", "environment variable EMPTY is not set"},
		{"env:OTHER", "", "environment variable OTHER is not set"},
		{"env:NONE", "", "environment variable NONE is not set"},
		{canary, canary, ""},
	} {
		got, err := resolveSecret(test.text, pathResolver{folder}, lookup)
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: error %v, want %s", test.text, err, test.err)
			}
			continue
		}
		if err != nil || got.Reveal() != test.want {
			t.Errorf("%s: %v", test.text, err)
		}
		if reference := strings.Contains(test.text, ":"); reference && got.Reference() != test.text || !reference && got.Reference() != "" {
			t.Errorf("%s: reference %q", test.text, got.Reference())
		}
	}
}

func TestVerifierForm(t *testing.T) {
	if !isSCRAMVerifier(verifier) {
		t.Error("PostgreSQL's form is refused")
	}
	for _, wrong := range []string{"", "swordfish", "md5" + strings.Repeat("0", 32), verifier[1:], verifier + "=",
		strings.Replace(verifier, "4096", "0", 1), strings.Replace(verifier, "4096", "x", 1),
		strings.Replace(verifier, "c2Fs", "", 1) + "!", strings.Replace(verifier, ":c2FsdHNhbHRzYWx0c2FsdA==", ":", 1),
		strings.Replace(verifier, "AAEC", "", 1), strings.Replace(verifier, "SHA-256", "SHA-1", 1), "SCRAM-SHA-256$4096:c2FsdA=="} {
		if isSCRAMVerifier(wrong) {
			t.Errorf("accepted: %s", wrong)
		}
	}
}

func TestPostgresURL(t *testing.T) {
	for text, want := range map[string]bool{
		"postgres://": true, "postgresql://user:pass@host:5432/db?sslmode=require": true, "postgres:///db?host=/run": true,
		"postgres://a:1,b:2/db": true, "postgres://u:p%40@[::1]:5432/db": true,
		"": false, "host=127.0.0.1 dbname=x": false, "mysql://host/db": false, "postgres:/host": false,
		"postgres://host:port/db": false, "postgres://a:1,b:x/db": false, "postgres://u:%zz@host/db": false,
	} {
		if isPostgresURL(text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}
