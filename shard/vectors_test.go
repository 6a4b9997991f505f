package shard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/shard/inline"
)

// vectorsVariable names the environment variable that holds a folder with more vectors.
const vectorsVariable = "PORTCULLIS_VECTORS"

// TestVectors compares with what ShardingSphere answers: testdata/vectors/README.md. Each file and algorithm is one
// sub-test; those of an algorithm that is not here are skipped.
func TestVectors(t *testing.T) {
	t.Run("testdata", func(t *testing.T) { runVectors(t, filepath.Join("testdata", "vectors")) })
	if folder := os.Getenv(vectorsVariable); folder != "" {
		t.Run(vectorsVariable, func(t *testing.T) { runVectors(t, folder) })
	}
}

func runVectors(t *testing.T, folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in the folder (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			vectors, order, err := parseVectors(content)
			if err != nil {
				t.Fatal(err)
			}
			for _, algorithm := range order {
				t.Run(algorithm, func(t *testing.T) { runAlgorithm(t, algorithm, vectors[algorithm]) })
			}
		})
	}
}

// vector is one record; its fields are those of the README.
type vector struct {
	ID             string            `json:"id"`
	Algorithm      string            `json:"algorithm"`
	Mask           string            `json:"mask"`
	Props          map[string]string `json:"props"`
	Op             string            `json:"op"`
	LogicTable     string            `json:"logic_table"`
	Targets        []string          `json:"targets"`
	JavaType       string            `json:"java_type"`
	Value          *string           `json:"value"`
	Lower          *string           `json:"lower"`
	LowerInclusive bool              `json:"lower_inclusive"`
	Upper          *string           `json:"upper"`
	UpperInclusive bool              `json:"upper_inclusive"`
	Expression     string            `json:"expression"`
	AutoTables     int               `json:"auto_tables"`
	Node           *struct {
		Prefix          string `json:"prefix"`
		SuffixMinLength int    `json:"suffix_min_length"`
	} `json:"node"`
	Clock       [][2]json.RawMessage `json:"clock"`
	Count       int                  `json:"count"`
	EpochMillis string               `json:"epoch_ms"`
	Millis      string               `json:"millis"`
	WorkerID    int                  `json:"worker_id"`
	Sequence    int                  `json:"sequence"`
	Expect      json.RawMessage      `json:"expect"`
	ExpectAt    map[string]string    `json:"expect_at"`
	ExpectError string               `json:"expect_error"`
	Lossy       bool                 `json:"lossy"`
	Optional    bool                 `json:"optional"`
}

// parseVectors groups the records of a file by algorithm. Records of masks belong to another package.
func parseVectors(content []byte) (vectors map[string][]*vector, order []string, err error) {
	vectors = map[string][]*vector{}
	for i, line := range bytes.Split(content, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v := &vector{}
		if err := json.Unmarshal(line, v); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		switch {
		case (v.Algorithm == "") == (v.Mask == ""):
			return nil, nil, fmt.Errorf("line %d: a record has either an algorithm or a mask", i+1)
		case v.Mask != "":
			continue
		case v.ID == "" || v.Op == "":
			return nil, nil, fmt.Errorf("line %d: a record has an id and an op", i+1)
		case v.Expect == nil && v.ExpectError == "" && v.ExpectAt == nil && v.Algorithm != "NANOID" && v.Algorithm != "UUID":
			return nil, nil, fmt.Errorf("line %d: a record has an expectation", i+1)
		}
		if vectors[v.Algorithm] == nil {
			order = append(order, v.Algorithm)
		}
		vectors[v.Algorithm] = append(vectors[v.Algorithm], v)
	}
	return vectors, order, nil
}

func runAlgorithm(t *testing.T, algorithm string, vectors []*vector) {
	run := map[string]func(*vector) error{
		"MOD":       (*vector).algorithm,
		"COSID_MOD": (*vector).algorithm,
		"EXPR":      (*vector).expand,
		"SNOWFLAKE": (*vector).snowflake,
	}[algorithm]
	if run == nil {
		t.Skipf("%s is not available: %d records", algorithm, len(vectors))
	}
	for _, v := range vectors {
		if err := run(v); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
}

// failed compares an error with the one that is expected.
func (v *vector) failed(err error) error {
	if v.ExpectError == "" {
		return fmt.Errorf("failed: %w", err)
	}
	return nil
}

// names returns the expected list of names.
func (v *vector) names() ([]string, error) {
	if v.ExpectError != "" {
		return nil, fmt.Errorf("%s is expected", v.ExpectError)
	}
	names := []string{}
	err := json.Unmarshal(v.Expect, &names)
	return names, err
}

func (v *vector) algorithm() error {
	a, err := New(v.Algorithm, v.Props)
	if v.Op == "init" || v.ExpectError == "config" {
		return v.init(a, err)
	}
	if err != nil {
		return err
	}
	if v.Node != nil {
		want := naming{v.Node.Prefix, v.Node.SuffixMinLength}
		if got := autoTableNaming(v.LogicTable, v.Targets); got != want {
			return fmt.Errorf("naming %v, want %v", got, want)
		}
	}
	router, err := a.Bind(v.LogicTable, v.Targets)
	if err != nil {
		return v.failed(err)
	}
	switch v.Op {
	case "precise":
		return v.precise(router)
	case "range":
		return v.rang(router)
	}
	return fmt.Errorf("unknown op %q", v.Op)
}

func (v *vector) init(a Algorithm, err error) error {
	if err != nil {
		return v.failed(err)
	}
	if v.ExpectError != "" {
		return errors.New("the configuration is not refused")
	}
	if auto, ok := a.(AutoTable); v.AutoTables > 0 && (!ok || auto.Tables() != v.AutoTables) {
		return fmt.Errorf("not %d automatic tables", v.AutoTables)
	}
	return nil
}

func (v *vector) precise(router Router) error {
	value, err := vectorValue(v.JavaType, v.Value)
	if err != nil {
		return err
	}
	target, ok, err := router.Route(value)
	if err != nil {
		return v.failed(err)
	}
	want, err := v.names()
	if err != nil {
		return err
	}
	got := []string{}
	if ok {
		got = []string{v.Targets[target]}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func (v *vector) rang(router Router) error {
	lower, err := vectorBound(v.JavaType, v.Lower, v.LowerInclusive)
	if err != nil {
		return err
	}
	upper, err := vectorBound(v.JavaType, v.Upper, v.UpperInclusive)
	if err != nil {
		return err
	}
	targets, routeErr := router.RouteRange(Range{lower, upper})
	if routeErr != nil && v.ExpectError != "" {
		return nil
	}
	want, err := v.names()
	if err != nil {
		return err
	}
	for _, name := range want {
		if !slices.Contains(v.Targets, name) {
			// The algorithm's answer holds nodes that are not configured: the router around it refuses those.
			if !errors.Is(routeErr, ErrNoTarget) {
				return fmt.Errorf("%q is not configured, but the answer is %v, %v", name, targets, routeErr)
			}
			return nil
		}
	}
	if routeErr != nil {
		return fmt.Errorf("failed: %w", routeErr)
	}
	var got []string
	for _, target := range targets {
		got = append(got, v.Targets[target])
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			return fmt.Errorf("got %q, which lacks %q", got, name)
		}
	}
	if len(got) > len(want) && !v.Lossy && !v.losesFractions(lower, upper) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// losesFractions reports whether ShardingSphere's answer may lose rows although the vector is not marked lossy: COSID_MOD
// moves an open end by one, so that between 1.5 and 2.5 it does not find 1.7, which it places where it places 1.
func (v *vector) losesFractions(lower, upper Bound) bool {
	loses := func(b Bound) bool { return b.Kind == Open && !b.Value.isIntegral() }
	return v.Algorithm == "COSID_MOD" && (loses(lower) || loses(upper))
}

func vectorBound(javaType string, text *string, inclusive bool) (Bound, error) {
	if text == nil {
		return Bound{}, nil
	}
	value, err := vectorValue(javaType, text)
	if inclusive {
		return Bound{Closed, value}, err
	}
	return Bound{Open, value}, err
}

// vectorValue makes the value that arrives in a Java class. Those that no class here stands for are made a text: what is
// built so far either looks at the text alone or takes numbers only.
func vectorValue(javaType string, text *string) (Value, error) {
	if text == nil {
		return Null(), nil
	}
	s := *text
	switch javaType {
	case "Short", "Integer":
		n, err := strconv.ParseInt(s, 10, 32)
		return Int(int32(n)), err
	case "Long":
		n, err := strconv.ParseInt(s, 10, 64)
		return Long(n), err
	case "BigInteger":
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			return Value{}, errors.New("not a BigInteger")
		}
		return BigInteger(n), nil
	case "BigDecimal":
		return Decimal(s)
	case "Float":
		f, err := strconv.ParseFloat(s, 32)
		return Float(float32(f)), err
	case "Double":
		f, err := strconv.ParseFloat(s, 64)
		return Double(f), err
	case "Boolean":
		return Boolean(s == "true"), nil
	case "String", "UUID", "LocalDate", "LocalDateTime", "LocalTime", "SqlDate", "SqlTime", "Instant", "OffsetDateTime",
		"OffsetTime", "ZonedDateTime", "Year", "YearMonth", "Month", "UtilDate":
		return Text(s), nil
	case "Timestamp":
		s = strings.Replace(s, "T", " ", 1)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return Text(s), nil
	}
	return Value{}, fmt.Errorf("unknown class %q", javaType)
}

func (v *vector) expand() error {
	if v.Op != "expand" {
		return fmt.Errorf("unknown op %q", v.Op)
	}
	got, err := inline.Expand(v.Expression)
	if err != nil {
		if v.Optional {
			return nil
		}
		return v.failed(err)
	}
	want, err := v.names()
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func (v *vector) snowflake() error {
	switch v.Op {
	case "init":
		_, err := NewKeyGenerator(v.Algorithm, v.Props, SystemClock{})
		return v.init(nil, err)
	case "generate":
		return v.generate()
	case "compose":
		epoch, err := strconv.ParseInt(v.EpochMillis, 10, 64)
		if err != nil {
			return err
		}
		millis, err := strconv.ParseInt(v.Millis, 10, 64)
		if err != nil {
			return err
		}
		got := ComposeSnowflake(epoch, SnowflakeParts{millis, v.WorkerID, v.Sequence})
		if fmt.Sprintf("%q", strconv.FormatInt(got, 10)) != string(v.Expect) {
			return fmt.Errorf("got %d, want %s", got, v.Expect)
		}
		return nil
	case "decompose":
		return v.decompose()
	}
	return fmt.Errorf("unknown op %q", v.Op)
}

func (v *vector) decompose() error {
	if v.Value == nil {
		return errors.New("no value")
	}
	epoch, err := strconv.ParseInt(v.EpochMillis, 10, 64)
	if err != nil {
		return err
	}
	key, err := strconv.ParseInt(*v.Value, 10, 64)
	if err != nil {
		return err
	}
	var want struct {
		Millis   string `json:"millis"`
		WorkerID int    `json:"worker_id"`
		Sequence int    `json:"sequence"`
	}
	if err := json.Unmarshal(v.Expect, &want); err != nil {
		return err
	}
	got := DecomposeSnowflake(epoch, key)
	if strconv.FormatInt(got.Millis, 10) != want.Millis || got.Worker != want.WorkerID || got.Sequence != want.Sequence {
		return fmt.Errorf("got %+v, want %+v", got, want)
	}
	return nil
}

func (v *vector) generate() error {
	epoch, err := strconv.ParseInt(v.EpochMillis, 10, 64)
	if err != nil {
		return err
	}
	clock, err := newVectorClock(v.Clock)
	if err != nil {
		return err
	}
	props := map[string]string{"worker-id": strconv.Itoa(v.WorkerID)}
	for property, value := range v.Props {
		props[property] = value
	}
	offset := time.Duration(SnowflakeEpochMillis-epoch) * time.Millisecond
	props["epoch-offset"] = time.Time{}.In(time.FixedZone("", int(offset.Seconds()))).Format("-07:00")

	generator, err := NewKeyGenerator(v.Algorithm, props, clock)
	if err != nil {
		return v.failed(err)
	}
	var keys []string
	for range v.Count {
		key, err := generator.Next(context.Background())
		if err != nil {
			if v.ExpectError == "clock_backwards" && !errors.Is(err, ErrClockBackwards) {
				return fmt.Errorf("failed: %w", err)
			}
			if err := v.failed(err); err != nil {
				return err
			}
			break
		}
		keys = append(keys, strconv.FormatInt(key, 10))
	}
	if v.ExpectError != "" && len(keys) == v.Count {
		return fmt.Errorf("%s is expected", v.ExpectError)
	}
	for index, want := range v.ExpectAt {
		i, err := strconv.Atoi(index)
		if err != nil || i >= len(keys) || keys[i] != want {
			return fmt.Errorf("key %s is not %s", index, want)
		}
	}
	if v.Expect == nil {
		return nil
	}
	var want []string
	if err := json.Unmarshal(v.Expect, &want); err != nil {
		return err
	}
	if !slices.Equal(keys, want) {
		return fmt.Errorf("got %q, want %q", keys, want)
	}
	return nil
}

// vectorClock gives the readings of a run-length list, and after its end one millisecond more at each reading.
type vectorClock struct {
	runs []clockRun
	last int64
}

type clockRun struct {
	millis  int64
	repeats int
}

func newVectorClock(runs [][2]json.RawMessage) (*vectorClock, error) {
	c := &vectorClock{}
	for _, run := range runs {
		millis, err := strconv.ParseInt(strings.Trim(string(run[0]), `"`), 10, 64)
		if err != nil {
			return nil, err
		}
		repeats, err := strconv.Atoi(string(run[1]))
		if err != nil {
			return nil, err
		}
		c.runs = append(c.runs, clockRun{millis, repeats})
	}
	return c, nil
}

func (c *vectorClock) Now() time.Time {
	for len(c.runs) > 0 && c.runs[0].repeats == 0 {
		c.runs = c.runs[1:]
	}
	if len(c.runs) == 0 {
		c.last++
	} else {
		c.runs[0].repeats--
		c.last = c.runs[0].millis
	}
	return time.UnixMilli(c.last)
}

func (c *vectorClock) Sleep(context.Context, time.Duration) error { return nil }
