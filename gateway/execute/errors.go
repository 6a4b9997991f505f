package execute

import (
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// NameMapper knows the logical names of what errors of a node name. *schema.ObjectNames is one.
type NameMapper interface {
	// Error returns e with the names of a datasource replaced by logical ones. e is not modified.
	Error(datasource string, e *sqlstate.Error) *sqlstate.Error
}

// translate makes an error of a node the client's: with logical names, without positions in a text that the client did
// not write, and without anything that could show a sealed value, or to a restricted role any value.
func (r *Runner) translate(e *sqlstate.Error, b *Backend, p *Portal) *sqlstate.Error {
	sealed := false
	for _, t := range p.program.plan.Route.Tables {
		sealed = sealed || hasSealed(t.Table)
	}
	return r.clientError(e, b, p.restricted, sealed)
}

// Translate does the same for the error of a command, such as COMMIT, which may tell of any table.
func (r *Runner) Translate(e *sqlstate.Error, b *Backend, restricted bool) *sqlstate.Error {
	sealed := false
	for _, t := range r.database.Tables {
		sealed = sealed || hasSealed(t)
	}
	return r.clientError(e, b, restricted, sealed)
}

func hasSealed(t *policy.Table) bool {
	for _, c := range t.Columns {
		if c.Encrypt != nil {
			return true
		}
	}
	return false
}

func (r *Runner) clientError(e *sqlstate.Error, b *Backend, restricted, sealed bool) *sqlstate.Error {
	if b.Broken() {
		return e
	}
	if datasource := b.Server.Datasource(); datasource != LogicalDatasource && r.names != nil {
		e = r.names.Error(datasource, e)
	}
	out := &sqlstate.Error{Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint, Schema: e.Schema,
		Table: e.Table, Column: e.Column, DataType: e.DataType, Constraint: e.Constraint}
	if restricted {
		out.Message = fixedText(out)
	}
	if restricted || sealed {
		out.Detail, out.Hint = "", ""
	}
	return out
}

// fixedText is what a restricted role is told of an error: what its code says, and the names of the schema that it
// knows, but nothing that was computed from a row (src/backend/utils/errcodes.txt).
func fixedText(e *sqlstate.Error) string {
	switch code := e.Code.String(); code {
	case "23502":
		return "null value violates not-null constraint"
	case "23503":
		return "the statement violates a foreign key constraint"
	case "23505":
		return "duplicate key value violates unique constraint"
	case "23514":
		return "a new row violates a check constraint"
	case "22012":
		return "division by zero"
	case "40001":
		return "could not serialize access due to concurrent update"
	case "40P01":
		return "deadlock detected"
	case "55P03":
		return "could not obtain a lock"
	case "57014":
		return "canceling statement due to user request or timeout"
	case "25006":
		return "cannot execute the statement in a read-only transaction"
	default:
		if text, ok := classTexts[code[:2]]; ok {
			return text
		}
		return "the statement failed on a server"
	}
}

var classTexts = map[string]string{
	"08": "the connection to a server was lost",
	"21": "the statement returned more rows than it may",
	"22": "a value is not valid for its type or operation",
	"23": "the statement violates an integrity constraint",
	"25": "the state of the transaction does not allow the statement",
	"40": "the transaction was rolled back",
	"42": "the statement does not fit the tables of a server",
	"53": "a server has insufficient resources",
	"54": "the statement is too complex for a server",
	"55": "an object is not in the state that the statement needs",
	"57": "the statement was interrupted",
}
