package rewrite

import (
	"strconv"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// utility plans a statement that is not a query. What the session answers from its own model becomes a SessionAction;
// everything else is refused by its command's name. done is false for queries.
func (s *Statement) utility(tree *pg_query.Node) (plan *Plan, refusal *sqlstate.Error, done bool) {
	if tree == nil {
		return sessionPlan(SessionAction{Kind: "EMPTY"}), nil, true
	}
	switch x := tree.Node.(type) {
	case *pg_query.Node_SelectStmt, *pg_query.Node_InsertStmt, *pg_query.Node_UpdateStmt, *pg_query.Node_DeleteStmt:
		return nil, nil, false
	case *pg_query.Node_TransactionStmt:
		plan, refusal = transaction(x.TransactionStmt)
	case *pg_query.Node_VariableSetStmt:
		plan, refusal = variableSet(x.VariableSetStmt)
	case *pg_query.Node_VariableShowStmt:
		name := strings.ToLower(x.VariableShowStmt.Name)
		plan = sessionPlan(SessionAction{Kind: "SHOW", Tag: "SHOW", Name: name})
	case *pg_query.Node_DiscardStmt:
		switch x.DiscardStmt.Target {
		case pg_query.DiscardMode_DISCARD_ALL:
			plan = sessionPlan(SessionAction{Kind: "DISCARD ALL", Tag: "DISCARD ALL"})
		case pg_query.DiscardMode_DISCARD_PLANS:
			plan = nothing("DISCARD PLANS")
		case pg_query.DiscardMode_DISCARD_SEQUENCES:
			plan = nothing("DISCARD SEQUENCES")
		case pg_query.DiscardMode_DISCARD_TEMP:
			plan = nothing("DISCARD TEMP")
		default:
			refusal = unsupportedCommand("this form of DISCARD")
		}
	case *pg_query.Node_DeallocateStmt:
		tag := "DEALLOCATE"
		if x.DeallocateStmt.Name == "" {
			tag = "DEALLOCATE ALL"
		}
		plan = sessionPlan(SessionAction{Kind: "DEALLOCATE", Tag: tag, Name: x.DeallocateStmt.Name})
	case *pg_query.Node_PrepareStmt:
		plan = sessionPlan(SessionAction{Kind: "PREPARE", Tag: "PREPARE", Name: x.PrepareStmt.Name})
	case *pg_query.Node_ExecuteStmt:
		action := SessionAction{Kind: "EXECUTE", Name: x.ExecuteStmt.Name}
		if action.Arguments, refusal = s.arguments(x.ExecuteStmt.Params); refusal == nil {
			plan = sessionPlan(action)
		}
	case *pg_query.Node_DeclareCursorStmt:
		plan, refusal = declareCursor(x.DeclareCursorStmt)
	case *pg_query.Node_FetchStmt:
		plan = fetch(x.FetchStmt)
	case *pg_query.Node_ClosePortalStmt:
		tag := "CLOSE CURSOR"
		if x.ClosePortalStmt.Portalname == "" {
			tag = "CLOSE CURSOR ALL"
		}
		plan = sessionPlan(SessionAction{Kind: "CLOSE", Tag: tag, Name: x.ClosePortalStmt.Portalname})
	default:
		refusal = unsupportedCommand(commandName(tree))
	}
	return plan, refusal, true
}

// The options of DECLARE (src/include/nodes/parsenodes.h).
const (
	cursorBinary      = 0x0001
	cursorScroll      = 0x0002
	cursorNoScroll    = 0x0004
	cursorInsensitive = 0x0008
	cursorAsensitive  = 0x0010
	cursorHold        = 0x0020
)

// declareCursor plans DECLARE; its query is a statement of its own (src/backend/parser/analyze.c, transformDeclareCursorStmt).
func declareCursor(d *pg_query.DeclareCursorStmt) (*Plan, *sqlstate.Error) {
	switch o := d.Options; {
	case o&cursorScroll != 0 && o&cursorNoScroll != 0:
		return nil, sqlstate.New(sqlstate.InvalidCursorDefinition, "cannot specify both SCROLL and NO SCROLL")
	case o&cursorInsensitive != 0 && o&cursorAsensitive != 0:
		return nil, sqlstate.New(sqlstate.InvalidCursorDefinition, "cannot specify both INSENSITIVE and ASENSITIVE")
	}
	return sessionPlan(SessionAction{Kind: "DECLARE", Tag: "DECLARE CURSOR", Name: d.Portalname,
		Binary: d.Options&cursorBinary != 0, Hold: d.Options&cursorHold != 0, Scroll: d.Options&cursorScroll != 0}), nil
}

// fetch plans FETCH and MOVE.
func fetch(f *pg_query.FetchStmt) *Plan {
	action := SessionAction{Kind: "FETCH", Name: f.Portalname, Count: f.HowMany}
	if f.Ismove {
		action.Kind = "MOVE"
	}
	switch f.Direction {
	case pg_query.FetchDirection_FETCH_FORWARD:
		action.Direction = FetchForward
	case pg_query.FetchDirection_FETCH_BACKWARD:
		action.Direction = FetchBackward
	case pg_query.FetchDirection_FETCH_ABSOLUTE:
		action.Direction = FetchAbsolute
	case pg_query.FetchDirection_FETCH_RELATIVE:
		action.Direction = FetchRelative
	}
	return sessionPlan(action)
}

func sessionPlan(action SessionAction) *Plan {
	return &Plan{Destination: DestinationSession, Session: &action, Route: Route{Lead: -1},
		Merge: Merge{LimitInput: -1, OffsetInput: -1}}
}

// nothing plans a command that finds all as it is to be: a session has no plans of servers, sequences and temporary tables.
func nothing(tag string) *Plan { return sessionPlan(SessionAction{Kind: "NOTHING", Tag: tag}) }

func unsupportedCommand(name string) *sqlstate.Error {
	e := sqlstate.New(sqlstate.FeatureNotSupported, "%s is not supported on a protected or sharded database", name).
		WithRule("unknown-statement")
	switch verb, _, _ := strings.Cut(name, " "); verb {
	case "CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "SECURITY":
		return e.WithHint("Tables, indexes and rights are made by \"portcullis schema apply\".")
	}
	return e
}

// commandName names a statement for a message: CopyStmt is "COPY", CreatePublicationStmt "CREATE PUBLICATION".
func commandName(tree *pg_query.Node) string {
	kind := nodeKind(tree)
	if name, ok := commandNames[kind]; ok {
		return name
	}
	var b strings.Builder
	for i, r := range strings.TrimSuffix(kind, "Stmt") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// commandNames are those that are not the words of the node's name.
var commandNames = map[string]string{
	"CopyStmt": "COPY", "SecLabelStmt": "SECURITY LABEL", "CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE", "CreateStmt": "CREATE TABLE", "CreateTableAsStmt": "CREATE TABLE AS", "ViewStmt": "CREATE VIEW",
	"IndexStmt": "CREATE INDEX", "AlterTableStmt": "ALTER TABLE", "DropStmt": "DROP", "TruncateStmt": "TRUNCATE",
	"ExplainStmt": "EXPLAIN", "PrepareStmt": "PREPARE", "ExecuteStmt": "EXECUTE", "DeclareCursorStmt": "DECLARE CURSOR",
	"FetchStmt": "FETCH", "ClosePortalStmt": "CLOSE", "DoStmt": "DO", "CallStmt": "CALL", "MergeStmt": "MERGE",
	"CreateFunctionStmt": "CREATE FUNCTION", "CreateTrigStmt": "CREATE TRIGGER", "RuleStmt": "CREATE RULE",
	"GrantStmt": "GRANT or REVOKE", "GrantRoleStmt": "GRANT or REVOKE", "ListenStmt": "LISTEN", "NotifyStmt": "NOTIFY",
	"UnlistenStmt": "UNLISTEN", "LockStmt": "LOCK", "VacuumStmt": "VACUUM or ANALYZE", "CommentStmt": "COMMENT",
	"RenameStmt": "ALTER ... RENAME", "CreateRoleStmt": "CREATE ROLE", "AlterRoleStmt": "ALTER ROLE",
	"CreateSeqStmt": "CREATE SEQUENCE", "CreateExtensionStmt": "CREATE EXTENSION", "CreateSchemaStmt": "CREATE SCHEMA",
	"ReindexStmt": "REINDEX", "ClusterStmt": "CLUSTER", "CheckPointStmt": "CHECKPOINT", "LoadStmt": "LOAD",
	"RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW", "ConstraintsSetStmt": "SET CONSTRAINTS",
}

func transaction(t *pg_query.TransactionStmt) (*Plan, *sqlstate.Error) {
	switch t.Kind {
	case pg_query.TransactionStmtKind_TRANS_STMT_BEGIN, pg_query.TransactionStmtKind_TRANS_STMT_START:
		modes, refusal := transactionModes(t.Options)
		if refusal != nil {
			return nil, refusal
		}
		tag := "BEGIN"
		if t.Kind == pg_query.TransactionStmtKind_TRANS_STMT_START {
			tag = "START TRANSACTION"
		}
		return sessionPlan(SessionAction{Kind: "BEGIN", Tag: tag, Modes: modes}), nil
	case pg_query.TransactionStmtKind_TRANS_STMT_COMMIT:
		return sessionPlan(SessionAction{Kind: "COMMIT", Tag: "COMMIT", Chain: t.Chain}), nil
	case pg_query.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		return sessionPlan(SessionAction{Kind: "ROLLBACK", Tag: "ROLLBACK", Chain: t.Chain}), nil
	case pg_query.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		return sessionPlan(SessionAction{Kind: "SAVEPOINT", Tag: "SAVEPOINT", Name: t.SavepointName}), nil
	case pg_query.TransactionStmtKind_TRANS_STMT_RELEASE:
		return sessionPlan(SessionAction{Kind: "RELEASE", Tag: "RELEASE", Name: t.SavepointName}), nil
	case pg_query.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		return sessionPlan(SessionAction{Kind: "ROLLBACK TO", Tag: "ROLLBACK", Name: t.SavepointName}), nil
	}
	command := map[pg_query.TransactionStmtKind]string{
		pg_query.TransactionStmtKind_TRANS_STMT_PREPARE:           "PREPARE TRANSACTION",
		pg_query.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED:   "COMMIT PREPARED",
		pg_query.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED: "ROLLBACK PREPARED",
	}[t.Kind]
	return nil, unsupportedCommand(command).WithHint("The gateway alone commits over several servers.")
}

// transactionModes prints the modes of BEGIN and SET TRANSACTION (src/backend/parser/gram.y, transaction_mode_item).
func transactionModes(options []*pg_query.Node) ([]string, *sqlstate.Error) {
	var modes []string
	for _, n := range options {
		d := n.GetDefElem()
		c := d.GetArg().GetAConst()
		on := c.GetIval().GetIval() != 0
		switch d.GetDefname() {
		case "transaction_isolation":
			modes = append(modes, "ISOLATION LEVEL "+strings.ToUpper(c.GetSval().GetSval()))
		case "transaction_read_only":
			modes = append(modes, choose(on, "READ ONLY", "READ WRITE"))
		case "transaction_deferrable":
			modes = append(modes, choose(on, "DEFERRABLE", "NOT DEFERRABLE"))
		default:
			return nil, unsupportedCommand("this transaction mode")
		}
	}
	return modes, nil
}

func choose(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

func variableSet(v *pg_query.VariableSetStmt) (*Plan, *sqlstate.Error) {
	name := strings.ToLower(v.Name)
	action := SessionAction{Kind: "SET", Tag: "SET", Name: name}
	if v.IsLocal {
		action.Kind = "SET LOCAL"
	}
	switch name {
	case "role", "session_authorization":
		if tag := keepsUser(v, name); tag != "" {
			return nothing(tag), nil
		}
		return nil, sqlstate.New(sqlstate.InsufficientPrivilege, "the user of a session may not be changed").
			WithRule("identity").WithHint("Connect as the other user.")
	}
	switch v.Kind {
	case pg_query.VariableSetKind_VAR_RESET:
		action.Kind, action.Tag = "RESET", "RESET"
		return sessionPlan(action), nil
	case pg_query.VariableSetKind_VAR_RESET_ALL:
		return sessionPlan(SessionAction{Kind: "RESET ALL", Tag: "RESET"}), nil
	case pg_query.VariableSetKind_VAR_SET_DEFAULT:
		return sessionPlan(action), nil
	case pg_query.VariableSetKind_VAR_SET_VALUE:
		for _, n := range v.Args {
			value, ok := settingValue(n)
			if !ok {
				return nil, unsupportedCommand("this form of SET")
			}
			action.Values = append(action.Values, value)
		}
		return sessionPlan(action), nil
	case pg_query.VariableSetKind_VAR_SET_MULTI:
		if v.Name == "TRANSACTION" || v.Name == "SESSION CHARACTERISTICS" {
			modes, refusal := transactionModes(v.Args)
			if refusal != nil {
				return nil, refusal
			}
			return sessionPlan(SessionAction{Kind: "SET " + v.Name, Tag: "SET", Modes: modes}), nil
		}
	}
	return nil, unsupportedCommand("this form of SET")
}

// keepsUser returns the tag of a SET or RESET that leaves the session to the user who it is anyway, "" for any other.
func keepsUser(v *pg_query.VariableSetStmt, name string) string {
	switch v.Kind {
	case pg_query.VariableSetKind_VAR_RESET:
		return "RESET"
	case pg_query.VariableSetKind_VAR_SET_DEFAULT:
		return "SET"
	case pg_query.VariableSetKind_VAR_SET_VALUE:
		if role, ok := settingValue(v.Args[0]); ok && len(v.Args) == 1 && name == "role" && role == "none" {
			return "SET"
		}
	}
	return ""
}

// settingValue is the text of one value of SET (src/backend/utils/misc/guc_funcs.c, flatten_set_variable_args).
func settingValue(n *pg_query.Node) (string, bool) {
	c := n.GetAConst()
	if c == nil {
		if cast := n.GetTypeCast(); cast != nil { // SET TIME ZONE INTERVAL '...'
			return "", false
		}
		return "", false
	}
	switch v := c.Val.(type) {
	case *pg_query.A_Const_Sval:
		return v.Sval.Sval, true
	case *pg_query.A_Const_Ival:
		return strconv.Itoa(int(v.Ival.GetIval())), true
	case *pg_query.A_Const_Fval:
		return v.Fval.Fval, true
	case *pg_query.A_Const_Boolval:
		return choose(v.Boolval.GetBoolval(), "on", "off"), true
	}
	return "", false
}
