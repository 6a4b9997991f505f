package rewrite_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// counting counts the questions to the logical database; each plan that is made asks at least one.
type counting struct {
	rewrite.Describer
	asked   atomic.Int64
	entered chan struct{} // if set, told of each question
	release chan struct{} // if set, questions wait for it
	down    atomic.Bool
}

func (c *counting) Describe(ctx context.Context, request rewrite.DescribeRequest) (rewrite.Description, *sqlstate.Error) {
	c.asked.Add(1)
	if c.entered != nil {
		c.entered <- struct{}{}
	}
	if c.release != nil {
		select {
		case <-c.release:
		case <-ctx.Done():
			return rewrite.Description{}, sqlstate.New(sqlstate.QueryCanceled, "canceling statement due to user request")
		}
	}
	if c.down.Load() {
		return rewrite.Description{}, sqlstate.New(sqlstate.SystemError, "the logical database cannot be reached")
	}
	return c.Describer.Describe(ctx, request)
}

func newCounting(t testing.TB) (*world, *counting, *rewrite.Planner) {
	w := shop(t)
	c := &counting{Describer: permissive{w.catalog}}
	return w, c, rewrite.New(c, rewrite.DefaultLimits())
}

// planOne plans the last statement of a string.
func planOne(t testing.TB, planner *rewrite.Planner, sql string, env *rewrite.Env) (*rewrite.Statement, *rewrite.Plan,
	*sqlstate.Error) {
	t.Helper()
	statements, refusal := planner.Prepare(context.Background(), sql)
	if refusal != nil {
		return nil, nil, refusal
	}
	s := statements[len(statements)-1]
	plan, refusal := planner.Plan(context.Background(), s, env)
	return s, plan, refusal
}

func TestPlanIsSharedByASkeleton(t *testing.T) {
	w, c, planner := newCounting(t)
	env := w.env("service")
	_, first, refusal := planOne(t, planner, "SELECT id FROM customers WHERE email = 'a@example.com' AND id = 5", env)
	if refusal != nil {
		t.Fatal(refusal)
	}
	for _, same := range []string{
		"SELECT id FROM customers WHERE email = 'other' AND id = 77",
		"SELECT id\n FROM customers -- a comment\n WHERE email = $$x$$ AND id = 0x10",
		"BEGIN; SELECT id FROM customers WHERE email = '' AND id = 1",
	} {
		if s, plan, _ := planOne(t, planner, same, env); plan != first {
			t.Errorf("%q has a plan of its own", same)
		} else if len(s.Literals) != 2 {
			t.Errorf("%q has %d literals", same, len(s.Literals))
		}
	}
	if n := c.asked.Load(); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// TestWhatAPlanDependsOn: each of these is a question of its own.
func TestWhatAPlanDependsOn(t *testing.T) {
	w, c, planner := newCounting(t)
	const sql = "SELECT id FROM public.customers WHERE name = $1 AND id = 5"
	change := func(f func(*rewrite.Env)) *rewrite.Env {
		env := w.env("service")
		f(env)
		return env
	}
	questions := []struct {
		sql string
		env *rewrite.Env
	}{
		{sql, w.env("service")},
		{sql, w.env("support")},
		{sql, change(func(e *rewrite.Env) { e.Generation++ })},
		{sql, change(func(e *rewrite.Env) { e.SearchPath = []string{"crm"} })},
		{sql, change(func(e *rewrite.Env) { e.SearchPath = []string{"crm", "public"} })},
		{sql, change(func(e *rewrite.Env) { e.SearchPath = []string{"crm,public"} })},
		{sql, change(func(e *rewrite.Env) { e.ParamOIDs = []uint32{25} })},
		{sql, change(func(e *rewrite.Env) { e.ParamOIDs = []uint32{1043} })},
		{sql, change(func(e *rewrite.Env) {
			renamed := *e.Database
			renamed.Name = "other"
			e.Database = &renamed
		})},
		{sql, change(func(e *rewrite.Env) {
			var relations []*catalog.Relation
			for r := range w.catalog.Relations {
				relations = append(relations, r)
			}
			e.Catalog = catalog.New(2, nil, relations, nil, nil)
		})},
		{strings.Replace(sql, "5", "5000000000", 1), w.env("service")}, // another type
		{strings.Replace(sql, "5", "'5'", 1), w.env("service")},
		{strings.Replace(sql, "5", "2147483648", 1), w.env("service")},
	}
	plans := map[*rewrite.Plan]int{}
	for i, q := range questions {
		_, plan, refusal := planOne(t, planner, q.sql, q.env)
		if refusal != nil {
			t.Fatal(i, refusal)
		}
		if j, ok := plans[plan]; ok {
			t.Errorf("questions %d and %d share a plan", j, i)
		}
		plans[plan] = i
	}
	if n := c.asked.Load(); n != int64(len(questions)) {
		t.Errorf("%d questions, not %d", n, len(questions))
	}
	for _, q := range questions {
		if _, plan, _ := planOne(t, planner, q.sql, q.env); plans[plan] == 0 && plan == nil {
			t.Error("not kept")
		}
	}
	if n := c.asked.Load(); n != int64(len(questions)) {
		t.Error("asked again")
	}
}

// TestPinnedLiterals: where the value is syntax, or must equal another, a plan is good for that value alone.
func TestPinnedLiterals(t *testing.T) {
	w, _, planner := newCounting(t)
	env := w.env("service")
	for _, pair := range [][2]string{
		{"SELECT id, grade FROM customers ORDER BY 1", "SELECT id, grade FROM customers ORDER BY 2"},
		{"SELECT id, grade, count(*) FROM customers WHERE id = 1 GROUP BY 1, 2",
			"SELECT id, grade, count(*) FROM customers WHERE id = 1 GROUP BY 2, 1"},
		{"SELECT name::varchar(5) FROM customers WHERE id = 1", "SELECT name::varchar(6) FROM customers WHERE id = 1"},
		{"SET search_path TO 'a'", "SET search_path TO 'b'"},
		{"SELECT date_trunc('month', created_at), count(*) FROM customers WHERE id = 1 GROUP BY date_trunc('month', created_at)",
			"SELECT date_trunc('month', created_at), count(*) FROM customers WHERE id = 1 GROUP BY date_trunc('day', created_at)"},
	} {
		_, one, refusalOne := planOne(t, planner, pair[0], env)
		_, two, refusalTwo := planOne(t, planner, pair[1], env)
		if refusalOne != nil || refusalTwo != nil {
			t.Error(pair, refusalOne, refusalTwo)
			continue
		}
		if one == two {
			t.Errorf("%q and %q share a plan", pair[0], pair[1])
		}
		if _, again, _ := planOne(t, planner, pair[0], env); again != one {
			t.Errorf("the plan of %q is not kept beside the other", pair[0])
		}
	}
	// What is not pinned may differ.
	_, one, _ := planOne(t, planner, "SELECT id FROM customers WHERE grade = 1 ORDER BY 1", env)
	_, two, _ := planOne(t, planner, "SELECT id FROM customers WHERE grade = 2 ORDER BY 1", env)
	if one == nil || one != two {
		t.Error("an ordinal pins a literal beside it")
	}
}

func TestRefusalsAreKept(t *testing.T) {
	w, c, planner := newCounting(t)
	env := w.env("support")
	for _, sql := range []string{"SELECT id FROM customers WHERE ssn = '1'", "SELECT id FROM customers WHERE ssn = '22'"} {
		if _, _, refusal := planOne(t, planner, sql, env); refusal == nil || refusal.Code != sqlstate.InsufficientPrivilege {
			t.Error(refusal)
		}
	}
	if n := c.asked.Load(); n != 1 {
		t.Errorf("%d questions", n)
	}
	// The same text of somebody who may is not the same question.
	if _, plan, refusal := planOne(t, planner, "SELECT id FROM customers WHERE ssn = '1'", w.env("service")); plan == nil {
		t.Error(refusal)
	}
	// A refusal is given out as a copy: who changes it changes nothing.
	_, _, refusal := planOne(t, planner, "SELECT id FROM customers WHERE ssn = '1'", env)
	refusal.Message = "changed"
	if _, _, again := planOne(t, planner, "SELECT id FROM customers WHERE ssn = '1'", env); again.Message == "changed" {
		t.Error("the refusal in the cache was changed")
	}
}

func TestTroubleIsNotKept(t *testing.T) {
	w, c, planner := newCounting(t)
	env := w.env("service")
	c.down.Store(true)
	if _, _, refusal := planOne(t, planner, "SELECT id FROM customers", env); refusal == nil || refusal.Code != sqlstate.SystemError {
		t.Fatal(refusal)
	}
	c.down.Store(false)
	if _, plan, refusal := planOne(t, planner, "SELECT id FROM customers", env); plan == nil {
		t.Error(refusal)
	}
}

// TestOneQuestionForMany: sessions that ask the same at once wait for one answer, and the one that asked for all may go away.
func TestOneQuestionForMany(t *testing.T) {
	w, c, planner := newCounting(t)
	c.entered, c.release = make(chan struct{}, 100), make(chan struct{})
	env := w.env("service")
	statements, refusal := planner.Prepare(context.Background(), "SELECT id FROM customers WHERE id = 1")
	if refusal != nil {
		t.Fatal(refusal)
	}
	var group sync.WaitGroup
	ask := func(ctx context.Context) {
		group.Add(1)
		go func() {
			defer group.Done()
			if plan, refusal := planner.Plan(ctx, statements[0], env); ctx.Err() == nil && plan == nil {
				t.Error(refusal)
			}
		}()
	}
	leaving, leave := context.WithCancel(context.Background())
	ask(leaving)
	<-c.entered
	for range 20 {
		ask(context.Background())
	}
	leave()
	close(c.release)
	group.Wait()
	if n := c.asked.Load(); n > 3 {
		t.Errorf("%d questions", n)
	}
}

// TestCacheIsBounded: the cache forgets the oldest and goes on.
func TestCacheIsBounded(t *testing.T) {
	w := shop(t)
	c := &counting{Describer: permissive{w.catalog}}
	limits := rewrite.DefaultLimits()
	limits.CacheEntries = 10
	planner := rewrite.New(c, limits)
	env := w.env("service")
	for i := range 50 {
		if _, plan, refusal := planOne(t, planner, fmt.Sprintf("SELECT id AS a%d FROM customers", i), env); plan == nil {
			t.Fatal(refusal)
		}
	}
	before := c.asked.Load()
	planOne(t, planner, "SELECT id AS a49 FROM customers", env)
	if c.asked.Load() != before {
		t.Error("the newest was forgotten")
	}
	planOne(t, planner, "SELECT id AS a0 FROM customers", env)
	if c.asked.Load() != before+1 {
		t.Error("the oldest was kept")
	}
	// Bytes count too: large statements displace small ones.
	planOne(t, planner, "SELECT id AS small FROM customers", env)
	before = c.asked.Load()
	for i := range 5 {
		planOne(t, planner, fmt.Sprintf("SELECT id AS big%d FROM customers WHERE id IN (1%s)", i, strings.Repeat(", 1", 1000)), env)
	}
	planOne(t, planner, "SELECT id AS small FROM customers", env)
	if n := c.asked.Load() - before; n != 6 {
		t.Errorf("%d questions: the bytes are not bounded", n)
	}
	for i := range 1000 { // many values of one pinned literal
		if _, _, refusal := planOne(t, planner, fmt.Sprintf("SET a.b TO '%d'", i), env); refusal != nil {
			t.Fatal(refusal)
		}
	}
}

// TestPositions: a refusal points at the client's own text, also behind other statements, characters of several bytes,
// and when its answer was made for another text of the same skeleton.
func TestPositions(t *testing.T) {
	w := shop(t)
	planner := w.planner()
	for _, sql := range []string{
		"SELECT id FROM customers WHERE name = 'x' AND ▶ssn LIKE '1%'",
		"SELECT id FROM customers WHERE name = 'a longer one' AND ▶ssn LIKE '1%'",
		"SELECT id FROM customers /* ü */ WHERE name = 'ö' AND\n ▶ssn LIKE ''",
		"SELECT 'ü'; -- ö\n SELECT id FROM customers WHERE name = '€€' AND ▶ssn LIKE '1%'; SELECT 1",
		"SELECT id FROM customers WHERE name = U&'\\00fc' AND ▶ssn LIKE '1%'",
		"SELECT ▶nothing FROM customers",
		"SELECT 'ü'; SELECT /* ä */ ▶nothing FROM customers",
		"SELECT 'ü'; SELECT id FROM customers WHERE ▶)",
		"SELECT id FROM customers WHERE▶",
		"SELECT 'ä'; SELECT id FROM customers WHERE▶",
		"SELECT 'ä', ▶lowr(name) FROM customers WHERE name = 'ü'",
		"BEGIN; SELECT 'äöü', ▶lowr(name) FROM customers WHERE name = ''",
	} {
		before, after, _ := strings.Cut(sql, "▶")
		want := len([]rune(before)) + 1
		if refusal := lastRefusal(planner, before+after, w.env("support")); refusal == nil {
			t.Errorf("%q is not refused", sql)
		} else if refusal.Position != want {
			t.Errorf("%q: position %d, not %d: %v", sql, refusal.Position, want, refusal)
		}
	}
}

// lastRefusal plans all statements of a string and returns the last refusal.
func lastRefusal(planner *rewrite.Planner, sql string, env *rewrite.Env) *sqlstate.Error {
	statements, refusal := planner.Prepare(context.Background(), sql)
	for _, s := range statements {
		if _, e := planner.Plan(context.Background(), s, env); e != nil {
			refusal = e
		}
	}
	return refusal
}

// TestNoTextHoldsALiteral: plans and refusals say nothing of the values in a statement.
func TestNoTextHoldsALiteral(t *testing.T) {
	w := shop(t)
	planner := rewrite.New(permissive{w.catalog}, rewrite.DefaultLimits())
	const canary = "canary4711"
	for _, sql := range goldenStatements(t) {
		for _, quote := range []string{"'1%'", "'x'", "'a'", "'b'", "'1'", "'a@example.com'", "'open'", "'customers'", "'public'"} {
			sql = strings.ReplaceAll(sql, quote, "'"+canary+"'")
		}
		for _, role := range roles {
			statements, refusal := planner.Prepare(context.Background(), sql)
			texts := []string{fmt.Sprintf("%+v", refusal)}
			for _, s := range statements {
				plan, refusal := planner.Plan(context.Background(), s, w.env(role))
				texts = append(texts, fmt.Sprintf("%+v", refusal))
				if plan != nil {
					texts = append(texts, plan.String(), plan.Logical, strings.Join(plan.Text.Fragments, "?"))
				}
			}
			for _, text := range texts {
				if strings.Contains(text, canary) {
					t.Errorf("%s\nfor\n%s", text, sql)
				}
			}
		}
	}
}

const protectedQuery = `SELECT id, name, email, ssn FROM customers
	WHERE email = 'a@example.com' AND city = 'x' ORDER BY 1 LIMIT 10`

// BenchmarkPlanHit is the way of a statement whose plan is in the cache.
func BenchmarkPlanHit(b *testing.B) {
	for _, c := range []struct{ name, sql string }{
		{"short", "SELECT city FROM customers WHERE id = 5"},
		{"protected", protectedQuery},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := shop(b)
			planner := rewrite.New(permissive{w.catalog}, rewrite.DefaultLimits())
			env := w.env("service")
			statements, refusal := planner.Prepare(context.Background(), c.sql)
			if refusal != nil {
				b.Fatal(refusal)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = planner.Plan(context.Background(), statements[0], env)
			}
		})
	}
}

// BenchmarkPrepareAndPlanHit adds what comes before: scanning the client's string.
func BenchmarkPrepareAndPlanHit(b *testing.B) {
	w := shop(b)
	planner := rewrite.New(permissive{w.catalog}, rewrite.DefaultLimits())
	env := w.env("service")
	b.ReportAllocs()
	for b.Loop() {
		_, plan, refusal := planOne(b, planner, protectedQuery, env)
		if plan == nil {
			b.Fatal(refusal)
		}
	}
}

// BenchmarkPlanMiss makes a plan each time; the logical database answers at once.
func BenchmarkPlanMiss(b *testing.B) {
	w := shop(b)
	planner := rewrite.New(permissive{w.catalog}, rewrite.DefaultLimits())
	env := w.env("service")
	b.ReportAllocs()
	for b.Loop() {
		env.Generation++
		_, plan, refusal := planOne(b, planner, protectedQuery, env)
		if plan == nil {
			b.Fatal(refusal)
		}
	}
}
