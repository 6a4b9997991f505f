package rewrite

import (
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v5"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portcullisdb/portcullis/rewrite/catalog"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// askOnly reports that a SELECT reads no table of the application: it computes from constants, or asks the system
// catalogs. Such a statement runs on the logical database, which has the application's schema and none of its rows.
func (a *analysis) askOnly(s *pg_query.SelectStmt) bool {
	// A table of the application counts even if a WITH somewhere has its name: it may be out of scope here, and the empty
	// logical database would answer for the table.
	only := true
	visit(s.ProtoReflect(), func(m protoreflect.Message) bool {
		if r, ok := m.Interface().(*pg_query.RangeVar); ok {
			relation := a.findAny(r)
			only = only && (relation == nil || isCatalog(relation.Schema))
		}
		return only
	})
	return only
}

func (a *analysis) findAny(r *pg_query.RangeVar) *catalog.Relation {
	if r.Schemaname != "" {
		return a.env.Catalog.Relation(catalog.Name{Schema: r.Schemaname, Name: r.Relname})
	}
	return a.env.Catalog.Find(r.Relname, effectivePath(a.env.SearchPath))
}

func isCatalog(schema string) bool { return schema == "pg_catalog" || schema == "information_schema" }

// catalogNodes are the constructs that a catalog query may use. Nothing in them reaches beyond the relations and
// functions that they name, and those are checked one by one.
var catalogNodes = map[protoreflect.Name]bool{
	"Node": true, "SelectStmt": true, "RangeVar": true, "Alias": true, "JoinExpr": true, "RangeSubselect": true,
	"RangeFunction": true, "ResTarget": true, "ColumnRef": true, "A_Star": true, "String": true, "Integer": true,
	"Float": true, "Boolean": true, "A_Const": true, "ParamRef": true, "A_Expr": true, "BoolExpr": true, "NullTest": true,
	"BooleanTest": true, "TypeCast": true, "TypeName": true, "FuncCall": true, "CaseExpr": true, "CaseWhen": true,
	"CoalesceExpr": true, "MinMaxExpr": true, "SQLValueFunction": true, "SubLink": true, "A_ArrayExpr": true,
	"A_Indirection": true, "A_Indices": true, "RowExpr": true, "CollateClause": true, "SortBy": true, "List": true,
	"WithClause": true, "CommonTableExpr": true, "WindowDef": true, "GroupingSet": true, "BitString": true,
}

// unreadableCatalogs hold password verifiers, statistics of values, or other sessions' statements.
func unreadableCatalog(name string) bool {
	switch name {
	case "pg_authid", "pg_shadow", "pg_user_mapping", "pg_user_mappings", "pg_statistic", "pg_statistic_ext_data", "pg_stats",
		"pg_stats_ext", "pg_stats_ext_exprs", "pg_largeobject", "pg_hba_file_rules", "pg_file_settings", "pg_subscription",
		"pg_cursors", "pg_prepared_statements", "pg_prepared_xacts", "pg_locks", "pg_settings", "pg_config",
		"pg_db_role_setting", "pg_ident_file_mappings", "pg_backend_memory_contexts", "pg_shmem_allocations":
		return true
	}
	for _, prefix := range []string{"pg_stat_", "pg_statio_", "pg_foreign_", "foreign_", "user_mapping", "_pg_foreign", "_pg_user"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// catalogQuery checks a statement that askOnly let through, and numbers its parameters. Its names stay as they are: the
// session's connection to the logical database has the session's own search_path.
func (a *analysis) catalogQuery(tree *pg_query.Node) *sqlstate.Error {
	var refusal *sqlstate.Error
	ctes := map[string]bool{}
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		if c, ok := m.Interface().(*pg_query.CommonTableExpr); ok {
			ctes[c.Ctename] = true
		}
		return true
	})
	visit(tree.ProtoReflect(), func(m protoreflect.Message) bool {
		if refusal != nil {
			return false
		}
		if name := m.Descriptor().Name(); !catalogNodes[name] {
			at, _ := location(m)
			refusal = a.unsupported(string(name)+" in a query without tables", "unknown-node", at)
			return false
		}
		switch x := m.Interface().(type) {
		case *pg_query.RangeVar:
			if r := a.findAny(x); r != nil && unreadableCatalog(r.Name.Name) {
				refusal = a.refuse(sqlstate.InsufficientPrivilege, "catalog", x.Location, "system catalog %q may not be read", r.Name.Name)
			} else if r == nil && !(x.Schemaname == "" && ctes[x.Relname]) {
				refusal = a.refuse(sqlstate.UndefinedTable, "undefined-table", x.Location, "relation %q does not exist", x.Relname)
			}
		case *pg_query.FuncCall:
			refusal = a.catalogFunction(x)
		case *pg_query.A_Expr:
			refusal = a.catalogOperator(x.Name, x.Location)
		case *pg_query.SubLink:
			refusal = a.catalogOperator(x.OperName, x.Location)
		case *pg_query.SortBy:
			refusal = a.catalogOperator(x.UseOp, x.Location)
		case *pg_query.SelectStmt:
			if x.IntoClause != nil || len(x.LockingClause) > 0 {
				refusal = a.unsupported("INTO or FOR UPDATE in a query without tables", "unknown-node", -1)
			}
		case *pg_query.ParamRef:
			refusal = a.openParameter(x)
			return false
		}
		return true
	})
	return refusal
}

// catalogOperator lets PostgreSQL's own operators pass: those of the application run its functions.
func (a *analysis) catalogOperator(name []*pg_query.Node, location int32) *sqlstate.Error {
	path, ok := names(name)
	if !ok || len(path) > 2 || len(path) == 2 && path[0] != "pg_catalog" {
		return a.unsupported("an operator of another schema", "operator", location)
	}
	return nil
}

func (a *analysis) catalogFunction(f *pg_query.FuncCall) *sqlstate.Error {
	path, ok := names(f.Funcname)
	if ok {
		name := path[len(path)-1]
		_, session := sessionFunctions[name]
		allowed := safeFunctions[name] != 0 || catalogFunctions[name] || session && !a.env.View.Restricted()
		qualified := len(path) == 2 && isCatalog(path[0])
		if allowed && (qualified || len(path) == 1 && !a.shadowed(name)) {
			return nil
		}
	}
	return a.refuse(sqlstate.FeatureNotSupported, "function", f.Location, "function %q may not be called here", strings.Join(path, ".")).
		WithHint("Built-in functions that compute from their arguments or describe the schema may be called.")
}
