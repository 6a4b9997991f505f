package rewrite

import (
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// Held says what a statement leaves on the session's connection to the logical database, or takes from it, beyond its
// transaction.
type Held int

// What a connection can hold of a session.
const (
	HeldChannels Held = 1 << iota // of LISTEN
	HeldLocks                     // advisory locks of the session
)

// messaging plans LISTEN, UNLISTEN and NOTIFY, which run on the logical database: it is the one server that all sessions of
// a database have in common. done is false for every other statement. What one session tells another is a way around the
// policy, so restricted roles have none of it.
func (s *Statement) messaging(tree *pg_query.Node, env *Env) (plan *Plan, refusal *sqlstate.Error, done bool) {
	plan = &Plan{Destination: DestinationLogical, Route: Route{Lead: -1}, Merge: Merge{LimitInput: -1, OffsetInput: -1}}
	var text string
	switch x := tree.GetNode().(type) {
	case *pg_query.Node_ListenStmt:
		plan.Command, plan.Holds = CommandListen, HeldChannels
		text = "LISTEN " + quotedAlways(x.ListenStmt.Conditionname)
	case *pg_query.Node_UnlistenStmt:
		if env.View.Restricted() {
			return nothing("UNLISTEN"), nil, true
		}
		plan.Command = CommandUnlisten
		text = "UNLISTEN " + quotedAlways(x.UnlistenStmt.Conditionname)
		if x.UnlistenStmt.Conditionname == "" {
			plan.Frees, text = HeldChannels, "UNLISTEN *"
		}
	case *pg_query.Node_NotifyStmt:
		plan.Command = CommandNotify
		// The payload is a value like others, and stays out of the text.
		channel := "'" + strings.ReplaceAll(x.NotifyStmt.Conditionname, "'", "''") + "'"
		if strings.Contains(channel, `\`) {
			channel = "E" + strings.ReplaceAll(channel, `\`, `\\`)
		}
		text = "SELECT pg_catalog.pg_notify(" + channel + ", '')"
		if len(s.Literals) == 1 && s.Literals[0].Value == x.NotifyStmt.Payload {
			text = "SELECT pg_catalog.pg_notify(" + channel + ", $1)"
			plan.Inputs = []Input{{Source: Source{Kind: FromConstant, TypeOID: oidUnknown}, TypeOID: oidText, Typmod: -1, PhysicalOID: oidText}}
		} else if len(s.Literals) > 0 || x.NotifyStmt.Payload != "" {
			return nil, disagreement("payload"), true
		}
		plan.Outputs = []Output{{PhysicalOID: oidVoid}}
	default:
		return nil, nil, false
	}
	if env.View.Restricted() {
		return nil, sqlstate.New(sqlstate.InsufficientPrivilege, "%s is not allowed for role %q", plan.Command, env.View.RoleNames()).
			WithRule("notify"), true
	}
	plan.Text, plan.Logical = Text{Fragments: []string{text}}, string(plan.Command)
	return plan, nil, true
}

func quotedAlways(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// sessionFunctions reach beyond their statement: to other sessions, or to the rest of this one. They run on the logical
// database, for roles that are not restricted.
var sessionFunctions = map[string]Held{
	"pg_notify": 0, "pg_advisory_unlock": 0, "pg_advisory_unlock_shared": 0, "pg_advisory_xact_lock": 0,
	"pg_advisory_xact_lock_shared": 0, "pg_try_advisory_xact_lock": 0, "pg_try_advisory_xact_lock_shared": 0,
	"pg_advisory_lock": HeldLocks, "pg_advisory_lock_shared": HeldLocks, "pg_try_advisory_lock": HeldLocks,
	"pg_try_advisory_lock_shared": HeldLocks,
}

// heldBy finds what a query of the logical database leaves there, and what it frees.
func heldBy(tree *pg_query.Node) (holds, frees Held) {
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		if f, ok := m.Interface().(*pg_query.FuncCall); ok {
			if path, ok := names(f.Funcname); ok {
				name := path[len(path)-1]
				holds |= sessionFunctions[name]
				if name == "pg_advisory_unlock_all" {
					frees |= HeldLocks
				}
			}
		}
		return true
	})
	return holds, frees &^ holds
}
