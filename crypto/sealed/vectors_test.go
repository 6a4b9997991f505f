package sealed_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	hkdfpb "github.com/tink-crypto/tink-go/v2/proto/hkdf_prf_go_proto"
	deriverpb "github.com/tink-crypto/tink-go/v2/proto/prf_based_deriver_go_proto"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/crypto/sealed"
)

var updateVectors = flag.Bool("update-vectors", false, "write testdata/vectors.jsonl anew, and the keys if there are none")

// The files of testdata: a KEK, a keyset "test" of generation 2 that it wraps, and the vectors. The keys protect nothing.
const (
	vectorsFile = "testdata/vectors.jsonl"
	kekFile     = "testdata/test-only.kek"
	keysetFile  = "testdata/test.keyset"
)

// hexBytes is written as hexadecimal digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vector is one line of vectors.jsonl. Kind says which of the fields are set.
type vector struct {
	Kind string `json:"kind"`

	// kind "master": a master key of the keyset.
	Purpose string   `json:"purpose,omitempty"`
	ID      uint32   `json:"id,omitempty"`
	Primary bool     `json:"primary,omitempty"`
	Key     hexBytes `json:"key,omitempty"`

	// kind "value": a sealed value, and all that its making went through.
	Column        string   `json:"column,omitempty"`
	Type          string   `json:"type,omitempty"`
	TypeCode      byte     `json:"type_code,omitempty"`
	Equality      bool     `json:"equality,omitempty"`
	Domain        string   `json:"domain,omitempty"`
	Casefold      bool     `json:"casefold,omitempty"`
	Trim          bool     `json:"trim,omitempty"`
	Text          string   `json:"text,omitempty"`
	Plaintext     hexBytes `json:"plaintext,omitempty"`
	Canonical     hexBytes `json:"canonical,omitempty"`
	TagInfo       hexBytes `json:"tag_info,omitempty"`
	Tag           hexBytes `json:"tag,omitempty"`
	TokenInfo     hexBytes `json:"token_info,omitempty"`
	TokenKey      hexBytes `json:"token_key,omitempty"`
	Token         hexBytes `json:"token,omitempty"`
	KeyID         uint32   `json:"key_id,omitempty"`
	AEADInfo      hexBytes `json:"aead_info,omitempty"`
	AEADKey       hexBytes `json:"aead_key,omitempty"`
	AssociatedAll hexBytes `json:"associated_data,omitempty"`
	Stored        hexBytes `json:"stored,omitempty"`

	// kind "refused": stored bytes that do not open as a value of the column; Error says why.
	Error string `json:"error,omitempty"`
	Why   string `json:"why,omitempty"`
}

// TestVectors checks this package against the vectors.
func TestVectors(t *testing.T) {
	if *updateVectors {
		writeVectors(t)
	}
	ks := vectorKeys(t)
	values, refusals := 0, 0
	for _, v := range readVectors(t) {
		switch v.Kind {
		case "value":
			values++
			checkValue(t, ks, v)
		case "refused":
			refusals++
			got, err := sealer(t, ks, v.sealedColumn(t)).Open(nil, v.Stored)
			if want := map[string]error{"ErrCorrupt": sealed.ErrCorrupt, "ErrUnknownKey": sealed.ErrUnknownKey,
				"ErrWrongColumn": sealed.ErrWrongColumn}[v.Error]; want == nil || !errors.Is(err, want) || got != nil {
				t.Errorf("%s: error %v, want %s", v.Why, err, v.Error)
			}
		}
	}
	if values == 0 || refusals == 0 {
		t.Errorf("%d values and %d refusals", values, refusals)
	}
}

func checkValue(t *testing.T, ks *keyset.Keyset, v vector) {
	t.Helper()
	column := v.sealedColumn(t)
	s := sealer(t, ks, column)
	if got, err := s.Open(nil, v.Stored); err != nil || !bytes.Equal(got, v.Plaintext) {
		t.Errorf("%s %q opens as %x, %v, want %x", v.Type, v.Text, got, err, v.Plaintext)
	}
	if got := value(t, column.Type, v.Text); !bytes.Equal(got, v.Plaintext) {
		t.Errorf("%s %q is %x, want %x", v.Type, v.Text, got, v.Plaintext)
	}
	if column.Type.Code() != v.TypeCode {
		t.Errorf("%s has type code %d, want %d", v.Type, column.Type.Code(), v.TypeCode)
	}
	if tag := s.Tag(); !bytes.Equal(tag[:], v.Tag) {
		t.Errorf("column %q has tag %x, want %x", v.Column, tag, v.Tag)
	}
	if v.Equality {
		if got, err := s.EqualityToken(nil, v.Plaintext); err != nil || !bytes.Equal(got, v.Token) {
			t.Errorf("%s %q has token %x, %v, want %x", v.Type, v.Text, got, err, v.Token)
		}
	}
}

func (v *vector) sealedColumn(t testing.TB) sealed.Column {
	return sealed.Column{ID: v.Column, Type: typ(t, v.Type), Equality: v.Equality, Domain: v.Domain, Casefold: v.Casefold,
		Trim: v.Trim}
}

// TestVectorsWithoutThisPackage opens the vectors by docs/format.md and the standard library alone, from the master keys.
func TestVectorsWithoutThisPackage(t *testing.T) {
	masters := map[string]map[uint32][]byte{"aead": {}, "token": {}, "tag": {}}
	var tokenMaster, tagMaster []byte
	for _, v := range readVectors(t) {
		switch v.Kind {
		case "master":
			masters[v.Purpose][v.ID] = v.Key
			if v.Purpose == "token" && v.Primary {
				tokenMaster = v.Key
			}
			if v.Purpose == "tag" && v.Primary {
				tagMaster = v.Key
			}
		case "value":
			byHand(t, v, masters["aead"], tokenMaster, tagMaster)
		}
	}
}

func byHand(t *testing.T, v vector, aeadMasters map[uint32][]byte, tokenMaster, tagMaster []byte) {
	t.Helper()
	same := func(what string, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("%s %q: %s is %x, want %x", v.Type, v.Text, what, got, want)
		}
	}
	// Header.
	header, rest := v.Stored[:6], v.Stored[6:]
	layout := byte(0)
	if v.Equality {
		layout = 1
	}
	same("version and layout", header[:2], []byte{1, layout})
	same("tag info", v.TagInfo, lengthPrefixed("portcullis-derive-1", "tag", "column", "1", v.Column))
	same("tag", header[2:6], subkey(t, tagMaster, v.TagInfo, 4))
	// Token.
	if v.Equality {
		scopeKind, scope := "column", v.Column
		if v.Domain != "" {
			scopeKind, scope = "domain", v.Domain
		}
		folding := map[[2]bool]string{{true, true}: "trim casefold-simple-15.0", {true, false}: "casefold-simple-15.0",
			{false, true}: "trim"}[[2]bool{v.Casefold, v.Trim}]
		same("token info", v.TokenInfo, lengthPrefixed("portcullis-derive-1", "token", "equality", "1", scopeKind, scope, classOf(v.Type), folding))
		same("token key", v.TokenKey, subkey(t, tokenMaster, v.TokenInfo, 32))
		mac := hmac.New(sha256.New, v.TokenKey)
		mac.Write(v.Canonical)
		same("token", v.Token, mac.Sum(nil)[:16])
		same("stored token", rest[:16], v.Token)
		rest = rest[16:]
	}
	// Ciphertext: 0x01 | key id | nonce | ciphertext and tag of AES-256-GCM.
	id := binary.BigEndian.Uint32(rest[1:])
	same("prefix", rest[:5], binary.BigEndian.AppendUint32([]byte{1}, v.KeyID))
	same("AEAD info", v.AEADInfo, lengthPrefixed("portcullis-derive-1", "aead", "AES256_GCM", v.Column))
	same("AEAD key", v.AEADKey, subkey(t, aeadMasters[id], v.AEADInfo, 32))
	associatedData := append(bytes.Clone(v.Stored[:len(v.Stored)-len(rest)]), v.TypeCode)
	associatedData = append(associatedData, lengthPrefixed(v.Column, "")...)
	same("associated data", v.AssociatedAll, associatedData)
	block, err := aes.NewCipher(v.AEADKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := gcm.Open(nil, rest[5:17], rest[17:], associatedData)
	if err != nil {
		t.Errorf("%s %q: %v", v.Type, v.Text, err)
	}
	same("plaintext", plaintext, v.Plaintext)
}

// classOf repeats the table of type classes in docs/format.md.
func classOf(typ string) string {
	switch typ {
	case "text", "character varying":
		return "text"
	case "smallint", "integer", "bigint", "numeric":
		return "number"
	case "timestamp without time zone":
		return "timestamp"
	case "timestamp with time zone":
		return "timestamptz"
	}
	return typ
}

func lengthPrefixed(texts ...string) []byte {
	var out []byte
	for _, text := range texts {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(text))), text...)
	}
	return out
}

func subkey(t *testing.T, master, info []byte, size int) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, master, nil, string(info), size)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var vectors []vector
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v vector
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	return vectors
}

// vectorFolder copies the keys to a private folder, as a checkout does not keep modes.
func vectorFolder(t testing.TB) (kek *file.KEK, store *folder.Store) {
	t.Helper()
	dir := t.TempDir()
	store, err := folder.Create(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{kekFile: "kek", keysetFile: "keys/test.keyset"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kek, err = file.Open(filepath.Join(dir, "kek"))
	if err != nil {
		t.Fatal(err)
	}
	return kek, store
}

func vectorKeys(t testing.TB) *keyset.Keyset {
	t.Helper()
	k, s := vectorFolder(t)
	ks, err := keyset.Open(t.Context(), k, s, "test")
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

// writeVectors seals everything anew: nonces are random. It makes the keys only if there are none.
func writeVectors(t *testing.T) {
	if _, err := os.Stat(kekFile); errors.Is(err, fs.ErrNotExist) {
		writeVectorKeys(t)
	}
	masters := masterVectors(t)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	write := func(v vector) {
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range masters {
		write(v)
	}
	ks := vectorKeys(t)
	for _, v := range valueCases() {
		fillValue(t, ks, masters, &v)
		write(v)
	}
	good, refused := refusedCases(t, ks, masters)
	write(good)
	sealWithOldKey(t, masters, &good)
	write(good)
	for _, v := range refused {
		write(v)
	}
	if err := os.WriteFile(vectorsFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeVectorKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kek")
	if err := file.Create(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	k, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Create(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyset.Create(t.Context(), k, s, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := keyset.Rotate(t.Context(), k, s, "test"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{path: kekFile, filepath.Join(dir, "keys/test.keyset"): keysetFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// masterVectors unwraps the test keyset by hand and reads Tink's messages.
func masterVectors(t *testing.T) []vector {
	t.Helper()
	k, s := vectorFolder(t)
	w, err := s.Load(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for _, purpose := range []string{"aead", "token", "tag"} {
		generation := string(binary.BigEndian.AppendUint64(nil, w.Generation))
		serialized, err := k.Unwrap(t.Context(), w.Parts[purpose], lengthPrefixed("portcullis-keyset-1", w.Name, purpose, generation))
		if err != nil {
			t.Fatal(err)
		}
		var tinkKeyset tinkpb.Keyset
		unmarshal(t, serialized, &tinkKeyset)
		for _, key := range tinkKeyset.GetKey() {
			material := key.GetKeyData().GetValue()
			if purpose == "aead" {
				var deriver deriverpb.PrfBasedDeriverKey
				unmarshal(t, material, &deriver)
				material = deriver.GetPrfKey().GetValue()
			}
			var master hkdfpb.HkdfPrfKey
			unmarshal(t, material, &master)
			vectors = append(vectors, vector{Kind: "master", Purpose: purpose, ID: key.GetKeyId(), Key: master.GetKeyValue(),
				Primary: key.GetKeyId() == tinkKeyset.GetPrimaryKeyId()})
		}
	}
	return vectors
}

func unmarshal(t *testing.T, text []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
}

func valueCases() []vector {
	v := func(column, typ, text string) vector {
		return vector{Kind: "value", Column: column, Type: typ, Text: text}
	}
	eq := func(column, typ, text, domain string) vector {
		return vector{Kind: "value", Column: column, Type: typ, Text: text, Equality: true, Domain: domain}
	}
	folded := func(text string, casefold, trim bool) vector {
		c := eq("customers.email", "text", text, "email")
		c.Casefold, c.Trim = casefold, trim
		return c
	}
	return []vector{
		v("customers.note", "text", ""), v("customers.note", "text", "ada"), v("notes.body", "text", "ada"),
		v("customers.doc", "json", `{"b": 1.0,  "a": "x"}`), v("séance.ñ", "text", "日本語 \U0001F600"),
		eq("customers.email", "text", "ada@example.org", ""), eq("customers.email", "text", "", ""),
		eq("customers.email", "text", "ada@example.org", "email"), eq("leads.email", "character varying", "ada@example.org", "email"),
		folded(" Ada@Example.ORG ", false, true), folded("Ada@Example.ORG", true, false), folded(" ADÄ@EXAMPLE.ORG", true, true),
		folded("ΣΊΣΥΦΟΣ straße ẞ İı K ǅ", true, false),
		eq("t.a", "smallint", "-300", "n"), eq("t.b", "integer", "-300", "n"), eq("t.c", "bigint", "-300", "n"),
		eq("t.d", "numeric", "-300.00", "n"), eq("t.d", "numeric", "0.000", "n"), eq("t.d", "numeric", "1234567890.0987654321", "n"),
		eq("t.d", "numeric", "NaN", "n"), eq("t.d", "numeric", "-Infinity", "n"), eq("t.c", "bigint", "-9223372036854775808", "n"),
		eq("t.e", "boolean", "true", ""), eq("t.f", "date", "2024-02-29", ""), eq("t.f", "date", "infinity", ""),
		eq("t.f", "date", "0044-03-15 BC", ""), eq("t.g", "timestamp without time zone", "2024-02-29 12:34:56.789", ""),
		eq("t.h", "timestamp with time zone", "2024-02-29 12:34:56.789+02", ""),
		eq("t.i", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ""), eq("t.j", "bytea", `\x00ff10`, ""),
		eq("t.k", "jsonb", `{"bb": [1.50, "1.50", null], "a": {"z": -0.0, "é": "\u0001\"\\"}}`, ""),
	}
}

// fillValue seals v and works out every step of the way by hand.
func fillValue(t *testing.T, ks *keyset.Keyset, masters []vector, v *vector) {
	t.Helper()
	column := v.sealedColumn(t)
	s := sealer(t, ks, column)
	v.TypeCode = column.Type.Code()
	v.Plaintext = value(t, column.Type, v.Text)
	v.Stored = seal(t, s, v.Plaintext)
	tag := s.Tag()
	v.Tag = tag[:]
	v.TagInfo = lengthPrefixed("portcullis-derive-1", "tag", "column", "1", v.Column)
	end := 6
	if v.Equality {
		end += sealed.TokenSize
		fillToken(t, column, masters, v)
	}
	v.AEADInfo = lengthPrefixed("portcullis-derive-1", "aead", "AES256_GCM", v.Column)
	v.KeyID = binary.BigEndian.Uint32(v.Stored[end+1:])
	for _, m := range masters {
		if m.Purpose == "aead" && m.ID == v.KeyID {
			v.AEADKey = subkey(t, m.Key, v.AEADInfo, 32)
		}
	}
	v.AssociatedAll = append(append(bytes.Clone(v.Stored[:end]), v.TypeCode), lengthPrefixed(v.Column, "")...)
}

func fillToken(t *testing.T, column sealed.Column, masters []vector, v *vector) {
	t.Helper()
	scopeKind, scope, folding := "domain", v.Domain, ""
	if scope == "" {
		scopeKind, scope = "column", v.Column
	}
	v.Canonical = v.Plaintext
	if v.Trim {
		v.Canonical, folding = bytes.Trim(v.Canonical, " "), "trim"
	}
	if v.Casefold {
		v.Canonical = sealed.Folded(v.Canonical)
		if folding != "" {
			folding += " "
		}
		folding += "casefold-simple-15.0"
	}
	if !column.Type.Text() {
		canonical, err := column.Type.Canonical(nil, v.Plaintext)
		if err != nil {
			t.Fatal(err)
		}
		v.Canonical = canonical
	}
	v.TokenInfo = lengthPrefixed("portcullis-derive-1", "token", "equality", "1", scopeKind, scope, column.Type.Class(), folding)
	for _, m := range masters {
		if m.Purpose == "token" && m.Primary {
			v.TokenKey = subkey(t, m.Key, v.TokenInfo, 32)
		}
	}
	mac := hmac.New(sha256.New, v.TokenKey)
	mac.Write(v.Canonical)
	v.Token = mac.Sum(nil)[:16]
}

// sealWithOldKey seals v again as the keyset's first generation did.
func sealWithOldKey(t *testing.T, masters []vector, v *vector) {
	t.Helper()
	for _, m := range masters {
		if m.Purpose == "aead" && !m.Primary {
			v.KeyID, v.AEADKey = m.ID, subkey(t, m.Key, v.AEADInfo, 32)
		}
	}
	block, err := aes.NewCipher(v.AEADKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	v.Stored = binary.BigEndian.AppendUint32(append(v.Stored[:6+sealed.TokenSize], 1), v.KeyID)
	v.Stored = gcm.Seal(v.Stored, nil, v.Plaintext, v.AssociatedAll)
}

// refusedCases spoils a value in every way that the format has to notice.
func refusedCases(t *testing.T, ks *keyset.Keyset, masters []vector) (good vector, refused []vector) {
	t.Helper()
	good = vector{Kind: "value", Column: "customers.email", Type: "text", Text: "ada@example.org", Equality: true, Domain: "email"}
	other := good
	other.Text = "eve@example.org"
	fillValue(t, ks, masters, &good)
	fillValue(t, ks, masters, &other)
	bad := func(why, err string, change func(stored []byte) []byte) vector {
		return vector{Kind: "refused", Column: good.Column, Type: good.Type, Equality: true, Domain: good.Domain, Error: err, Why: why,
			Stored: change(bytes.Clone(good.Stored))}
	}
	flip := func(i int) func([]byte) []byte {
		return func(stored []byte) []byte { stored[i] ^= 1; return stored }
	}
	elsewhere := bad("value of another column", "ErrWrongColumn", func(s []byte) []byte { return s })
	elsewhere.Column = "customers.name"
	asVarchar := bad("read as another type", "ErrCorrupt", func(s []byte) []byte { return s })
	asVarchar.Type = "character varying"
	return good, []vector{
		bad("unknown version", "ErrCorrupt", flip(0)),
		bad("unknown layout", "ErrCorrupt", func(s []byte) []byte { s[1] = 3; return s }),
		bad("layout without the token", "ErrCorrupt", func(s []byte) []byte { s[1] = 0; return s }),
		bad("token taken out", "ErrCorrupt", func(s []byte) []byte { s[1] = 0; return append(s[:6], s[22:]...) }),
		bad("tag changed", "ErrWrongColumn", flip(2)),
		bad("token changed", "ErrCorrupt", flip(6)),
		bad("token of another value", "ErrCorrupt", func(s []byte) []byte { copy(s[6:22], other.Stored[6:22]); return s }),
		bad("ciphertext of another value", "ErrCorrupt", func(s []byte) []byte { return append(s[:22], other.Stored[22:]...) }),
		bad("Tink prefix changed", "ErrCorrupt", flip(22)),
		bad("unknown key id", "ErrUnknownKey", flip(26)),
		bad("nonce changed", "ErrCorrupt", flip(27)),
		bad("ciphertext changed", "ErrCorrupt", flip(39)),
		bad("GCM tag changed", "ErrCorrupt", flip(len(good.Stored)-1)),
		bad("cut", "ErrCorrupt", func(s []byte) []byte { return s[:len(s)-1] }),
		bad("a byte more", "ErrCorrupt", func(s []byte) []byte { return append(s, 0) }),
		bad("empty", "ErrCorrupt", func([]byte) []byte { return []byte{} }),
		elsewhere, asVarchar,
	}
}
