package rewrite

import (
	"container/list"
	"encoding/binary"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// cache keeps plans and refusals by all that their meaning depends on. It is bounded; the least recently used question is
// forgotten first. Questions in flight are asked once, however many sessions wait.
type cache struct {
	flight singleflight.Group

	mu      sync.Mutex
	max     int                      // entries
	bytes   int                      // of all entries, estimated; at most max * entryBytes
	entries map[string]*list.Element // of *cached
	recent  *list.List
}

type cached struct {
	key string
	// pinned are the literals whose values are part of the question; answers are kept by those values.
	pinned  []int
	answers map[string]answer
	bytes   int
}

type answer struct {
	plan    *Plan
	refusal *sqlstate.Error
	// token is the number of the token that the refusal points at, -1 for none: statements of one skeleton have the same
	// tokens, but not at the same places.
	token  int
	pinned []int
}

// questionMax bounds the bytes of a question that is kept: a skeleton, or the values of its pinned literals. Longer ones
// are planned each time.
const questionMax = 64 << 10

// answersMax bounds the answers of one skeleton that differ in pinned literals only.
const answersMax = 256

// entryBytes is what an entry may take on average: most plans are smaller, and a few may be much larger.
const entryBytes = 8 << 10

func newCache(max int) *cache {
	return &cache{max: max, entries: map[string]*list.Element{}, recent: list.New()}
}

// parses reports that a statement of this skeleton has been parsed before.
func (c *cache) parses(skeleton string) bool { return c.get("parse\x00"+skeleton) != nil }

func (c *cache) noteParses(skeleton string) {
	if len(skeleton) <= questionMax {
		c.put("parse\x00"+skeleton, nil, "", answer{})
	}
}

// plan answers from the cache, or with make, whose second result says whether to keep the answer.
func (c *cache) plan(s *Statement, env *Env, make func() (answer, bool)) (*Plan, *sqlstate.Error) {
	if len(s.Skeleton) > questionMax {
		a, _ := make()
		return a.give(s)
	}
	var space [keySpace]byte
	bytes := appendPlanKey(space[:0], s, env)
	if a, ok := c.lookup(bytes, s); ok {
		return a.give(s)
	}
	key := string(bytes)
	// The flight's key holds all literals: which of them matter is known only afterwards.
	result, _, _ := c.flight.Do(key+"\x00"+string(appendValues(nil, s, allLiterals(s))), func() (any, error) {
		a, keep := make()
		if pinned := string(appendValues(nil, s, a.pinned)); keep && len(pinned) <= questionMax {
			c.put(key, a.pinned, pinned, a)
		}
		return a, nil
	})
	a := result.(answer)
	return a.give(s)
}

// keySpace is room on the stack for the keys of most statements.
const keySpace = 1024

// give returns the answer, with the position of a refusal in the string that s came from.
func (a answer) give(s *Statement) (*Plan, *sqlstate.Error) {
	if a.refusal == nil {
		return a.plan, nil
	}
	out := *a.refusal
	out.Position = 0
	if a.token >= 0 {
		if at, ok := tokenStart(s.Text, a.token); ok {
			out.Position = s.position(at)
		}
	}
	return nil, &out
}

// appendPlanKey spells out everything that a plan depends on, but for the values of pinned literals.
func appendPlanKey(b []byte, s *Statement, env *Env) []byte {
	b = binary.BigEndian.AppendUint64(b, env.Generation)
	b = binary.BigEndian.AppendUint64(b, env.Catalog.Version())
	b = appendText(b, env.Database.Name)
	for _, list := range [...][]string{env.View.Roles, env.SearchPath} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, item := range list {
			b = appendText(b, item)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(env.ParamOIDs)))
	for _, oid := range env.ParamOIDs {
		b = binary.AppendUvarint(b, uint64(oid))
	}
	return append(b, s.Skeleton...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendValues spells out the values of some literals.
func appendValues(b []byte, s *Statement, indexes []int) []byte {
	for _, i := range indexes {
		if i < len(s.Literals) {
			b = appendText(b, s.Literals[i].Value)
		}
	}
	return b
}

func (c *cache) get(key string) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cached)
}

func (c *cache) lookup(key []byte, s *Statement) (answer, bool) {
	var space [keySpace]byte
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[string(key)]
	if !ok {
		return answer{}, false
	}
	c.recent.MoveToFront(e)
	entry := e.Value.(*cached)
	a, ok := entry.answers[string(appendValues(space[:0], s, entry.pinned))]
	return a, ok
}

func (c *cache) put(key string, pinned []int, values string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		e = c.recent.PushFront(&cached{key: key, pinned: pinned})
		c.entries[key] = e
	}
	entry := e.Value.(*cached)
	if entry.answers == nil || !equalInts(entry.pinned, pinned) || len(entry.answers) >= answersMax {
		entry.pinned, entry.answers = pinned, map[string]answer{}
		c.bytes -= entry.bytes
		entry.bytes = 2*len(key) + 512 // the key stands here and in the map
		c.bytes += entry.bytes
	}
	entry.answers[values] = a
	grown := len(values) + a.bytes()
	entry.bytes += grown
	c.bytes += grown
	for c.recent.Len() > 1 && (c.recent.Len() > c.max || c.bytes > c.max*entryBytes) {
		last := c.recent.Back()
		c.recent.Remove(last)
		c.bytes -= last.Value.(*cached).bytes
		delete(c.entries, last.Value.(*cached).key)
	}
}

// bytes estimates what an answer takes.
func (a answer) bytes() int {
	n := 512
	if p := a.plan; p != nil {
		n += len(p.Logical) + 128*(len(p.Inputs)+len(p.Outputs)+len(p.Columns)+len(p.Sealed)+len(p.Touched)) + 4*len(p.Params)
		for _, fragment := range p.Text.Fragments {
			n += len(fragment) + 64
		}
		n += 64*len(p.Route.Rows) + p.Route.Condition.bytes()
	}
	return n
}

func (c *Condition) bytes() int {
	if c == nil {
		return 0
	}
	n := 128 + 64*len(c.Operands)
	for _, child := range c.Children {
		n += child.bytes()
	}
	return n
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
