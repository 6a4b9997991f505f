package rewrite

import (
	pg_query "github.com/pganalyze/pg_query_go/v5"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// A SettingCall is a call of set_config or current_setting in the select list of a query that asks for nothing else: the
// session answers it, whose settings they are. Arguments may be parameters of the client.
type SettingCall struct {
	Function  string
	Arguments []Argument
}

// settingCalls plans such a query. It returns neither plan nor refusal for any other, and for one that it cannot plan: then
// the functions are refused as others are.
func (s *Statement) settingCalls(tree *pg_query.Node, env *Env) (*Plan, *sqlstate.Error) {
	q := tree.GetSelectStmt()
	if q == nil || len(q.TargetList) == 0 || !sameTree(q, &pg_query.SelectStmt{TargetList: q.TargetList, LimitOption: q.LimitOption, Op: q.Op}) ||
		q.Op != pg_query.SetOperation_SETOP_NONE {
		return nil, nil
	}
	a := &analysis{env: env, statement: s}
	plan := sessionPlan(SessionAction{Kind: "SETTING CALLS"})
	plan.Columns = []Column{}
	params := map[int]uint32{}
	for _, n := range q.TargetList {
		t := n.GetResTarget()
		f := t.GetVal().GetFuncCall()
		if f == nil || !sameTree(f, &pg_query.FuncCall{Funcname: f.Funcname, Args: f.Args, Funcformat: f.Funcformat}) || len(t.Indirection) > 0 {
			return nil, nil
		}
		path, ok := names(f.Funcname)
		if !ok || len(path) > 2 || len(path) == 2 && path[0] != "pg_catalog" || len(path) == 1 && a.shadowed(path[0]) {
			return nil, nil
		}
		types := settingFunctions[path[len(path)-1]]
		if len(f.Args) > len(types) || len(f.Args) < len(types) && !(len(types) == 2 && len(f.Args) == 1) || len(types) == 0 {
			return nil, nil
		}
		call := SettingCall{Function: path[len(path)-1]}
		for i, n := range f.Args {
			argument, ok := s.settingArgument(clone(n), types[i], env, params)
			if !ok {
				return nil, nil
			}
			call.Arguments = append(call.Arguments, argument)
		}
		name := t.Name
		if name == "" {
			name = call.Function
		}
		plan.Session.Calls = append(plan.Session.Calls, call)
		plan.Columns = append(plan.Columns, Column{Name: name, TypeOID: oidText, TypeLen: -1, Typmod: -1})
	}
	count := len(env.ParamOIDs)
	for i := range params {
		count = max(count, i+1)
	}
	plan.Params = make([]uint32, count)
	for i := range plan.Params {
		oid, used := params[i]
		if !used {
			return nil, nil // PostgreSQL says which type it cannot determine
		}
		plan.Params[i] = oid
	}
	return plan, nil
}

// settingFunctions are the types of the arguments.
var settingFunctions = map[string][]uint32{
	"set_config":      {oidText, oidText, oidBool},
	"current_setting": {oidText, oidBool},
}

// settingArgument reads one argument: a constant, or a parameter.
func (s *Statement) settingArgument(n *pg_query.Node, oid uint32, env *Env, params map[int]uint32) (Argument, bool) {
	if c := n.GetTypeCast(); c != nil && len(c.TypeName.GetTypmods()) == 0 && len(c.TypeName.GetArrayBounds()) == 0 {
		path, ok := names(c.TypeName.Names)
		if ok && len(path) == 2 && path[0] == "pg_catalog" {
			path = path[1:]
		}
		if !ok || len(path) != 1 || builtinTypes[path[0]] != oid {
			return Argument{}, false
		}
		n = c.Arg
	}
	if p := n.GetParamRef(); p != nil {
		i := int(p.Number) - 1
		if i < 0 || i >= parametersMax {
			return Argument{}, false
		}
		declared := uint32(0)
		if i < len(env.ParamOIDs) {
			declared = env.ParamOIDs[i]
		}
		switch {
		case declared == 0 || declared == oidUnknown, declared == oid:
			declared = oid
		case oid == oidText && declared == oidVarchar:
		default:
			return Argument{}, false
		}
		if before, used := params[i]; used && before != declared {
			return Argument{}, false
		}
		params[i] = declared
		return Argument{Source: Source{Kind: FromParam, Index: i, TypeOID: declared}, TypeOID: oid}, true
	}
	a, refusal := s.argument(n)
	if refusal != nil || a.cast != nil || a.TypeOID != oidUnknown && a.TypeOID != oid {
		return Argument{}, false
	}
	a.TypeOID = oid
	return a, true
}
