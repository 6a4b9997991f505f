package session

import (
	"strings"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// act answers a statement from the session's own model. In the simple protocol SHOW's row shape goes before its row, and
// after the last statement of a string the implicit transaction ends.
func (s *Session) act(out *wire.Output, p *portal, rowsMax int32, simple, last bool) *sqlstate.Error {
	action := p.plan.Session
	tag := action.Tag
	if tag == "" {
		tag = action.Kind
	}
	var err *sqlstate.Error
	suspended := false
	switch action.Kind {
	case "EMPTY":
		out.EmptyQueryResponse()
		return nil
	case "BEGIN":
		err = s.actBegin(action)
	case "COMMIT":
		tag, err = s.actCommit(action)
	case "ROLLBACK":
		err = s.actRollback(action)
	case "SAVEPOINT":
		err = s.makeSavepoint(action.Name)
	case "RELEASE":
		err = s.releaseSavepoint(action.Name)
	case "ROLLBACK TO":
		err = s.rollbackTo(s.working, action.Name)
	case "SET TRANSACTION":
		err = s.setTransaction(action.Modes)
	case "SET SESSION CHARACTERISTICS":
		err = s.setCharacteristics(action.Modes)
	case "SET", "SET LOCAL", "RESET":
		err = s.actSet(action)
	case "RESET ALL":
		s.enter()
		s.settings.ResetAll()
	case "SHOW":
		err = s.show(out, action, p.formats, simple)
	case "SETTING CALLS":
		err = s.actSettingCalls(out, p, simple)
		tag = "SELECT 1"
	case "DISCARD ALL":
		err = s.discardAll()
	case "NOTHING": // DISCARD of what the session does not have, SET ROLE to what it is
	case "PREPARE":
		err = s.actPrepare(p)
	case "DEALLOCATE":
		err = s.deallocate(action.Name)
	case "DECLARE":
		err = s.actDeclare(p)
	case "FETCH", "MOVE":
		tag, suspended, err = s.actFetch(out, p, simple, rowsMax)
	case "CLOSE":
		err = s.actClose(action.Name)
	default:
		err = sqlstate.New(sqlstate.InternalError, "session: internal error: unknown action %q", action.Kind)
	}
	if err == nil && last {
		err = s.endImplicit(s.working)
	}
	if err != nil {
		return err
	}
	if suspended {
		out.PortalSuspended()
		return nil
	}
	p.done = true
	out.CommandComplete(tag)
	return nil
}

func (s *Session) actBegin(action *rewrite.SessionAction) *sqlstate.Error {
	if s.tx.block {
		s.warn(sqlstate.ActiveSQLTransaction, "there is already a transaction in progress")
		return s.setModes(action.Modes)
	}
	s.enter()
	if err := s.setModes(action.Modes); err != nil {
		return err
	}
	s.begin()
	return nil
}

func (s *Session) actCommit(action *rewrite.SessionAction) (tag string, err *sqlstate.Error) {
	modes, failed := s.tx.modes, s.tx.failed
	switch {
	case failed:
		s.rollback(s.working)
	case !s.tx.block:
		if action.Chain {
			return "", noBlock("COMMIT AND CHAIN")
		}
		s.warn(sqlstate.NoActiveSQLTransaction, "there is no transaction in progress")
		return "COMMIT", s.endImplicit(s.working)
	default:
		if err := s.commit(s.working); err != nil {
			return "", err
		}
	}
	s.closePortals()
	if action.Chain {
		s.chain(modes)
	}
	if failed {
		return "ROLLBACK", nil
	}
	return "COMMIT", nil
}

func (s *Session) actRollback(action *rewrite.SessionAction) *sqlstate.Error {
	modes, block := s.tx.modes, s.tx.block
	if !block {
		if action.Chain {
			return noBlock("ROLLBACK AND CHAIN")
		}
		s.warn(sqlstate.NoActiveSQLTransaction, "there is no transaction in progress")
	}
	s.rollback(s.working)
	s.closePortals()
	if action.Chain {
		s.chain(modes)
	}
	return nil
}

// chain begins the next block, with the characteristics of the last.
func (s *Session) chain(m modes) {
	s.begin()
	s.tx.modes = m
}

func noBlock(command string) *sqlstate.Error {
	return sqlstate.New(sqlstate.NoActiveSQLTransaction, "%s can only be used in transaction blocks", command)
}

// setTransaction is SET TRANSACTION.
func (s *Session) setTransaction(modes []string) *sqlstate.Error {
	if !s.tx.block {
		s.warn(sqlstate.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks")
		return nil
	}
	return s.setModes(modes)
}

// setModes changes the characteristics of the transaction. They go with the BEGIN of its servers, so all but READ ONLY must
// come before the first query, as in PostgreSQL (src/backend/commands/variable.c, check_XactIsoLevel and its neighbours).
func (s *Session) setModes(changes []string) *sqlstate.Error {
	m, nested := s.tx.modes, len(s.tx.savepoints) > 0
	for _, change := range changes {
		var message string
		switch change {
		case "READ ONLY", "READ WRITE":
			readOnly := change == "READ ONLY"
			switch {
			case readOnly || !m.readOnly:
			case nested:
				message = "cannot set transaction read-write mode inside a read-only transaction"
			case s.tx.queried:
				message = "transaction read-write mode must be set before any query"
			}
			m.readOnly = readOnly
		case "DEFERRABLE", "NOT DEFERRABLE":
			switch {
			case nested:
				message = "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction"
			case s.tx.queried:
				message = "SET TRANSACTION [NOT] DEFERRABLE must be called before any query"
			}
			m.deferrable = change == "DEFERRABLE"
		default:
			level, _ := strings.CutPrefix(change, "ISOLATION LEVEL ")
			level = strings.ToLower(level)
			switch {
			case level == m.isolation:
			case s.tx.queried:
				message = "SET TRANSACTION ISOLATION LEVEL must be called before any query"
			case nested:
				message = "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction"
			}
			m.isolation = level
		}
		if message != "" {
			return sqlstate.New(sqlstate.ActiveSQLTransaction, "%s", message)
		}
	}
	s.tx.modes = m
	return nil
}

// setCharacteristics is SET SESSION CHARACTERISTICS AS TRANSACTION: the modes of transactions to come.
func (s *Session) setCharacteristics(modes []string) *sqlstate.Error {
	s.enter()
	for _, mode := range modes {
		name, value := "default_transaction_isolation", ""
		switch mode {
		case "READ ONLY", "READ WRITE":
			name, value = "default_transaction_read_only", onOff(mode == "READ ONLY")
		case "DEFERRABLE", "NOT DEFERRABLE":
			name, value = "default_transaction_deferrable", onOff(mode == "DEFERRABLE")
		default:
			value, _ = strings.CutPrefix(mode, "ISOLATION LEVEL ")
		}
		if err := s.settings.Set(name, []string{value}, false); err != nil {
			return err
		}
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// isMode reports a parameter of the transaction.
func isMode(name string) bool {
	switch strings.ToLower(name) {
	case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		return true
	}
	return false
}

// setMode sets a parameter of the transaction; nil is the default.
func (s *Session) setMode(name string, values []string) *sqlstate.Error {
	if values == nil {
		values = []string{s.settings.Get("default_" + strings.ToLower(name))}
	}
	mode, ok := transactionMode(name, values)
	if !ok {
		return sqlstate.New(sqlstate.InvalidParameterValue, "invalid value for parameter %q", name)
	}
	s.enter()
	return s.setModes([]string{mode})
}

// transactionMode maps the parameters of a transaction to the modes of BEGIN.
func transactionMode(name string, values []string) (mode string, ok bool) {
	if len(values) != 1 {
		return "", false
	}
	if strings.EqualFold(name, "transaction_isolation") {
		return "ISOLATION LEVEL " + strings.ToUpper(values[0]), validIsolation(values[0])
	}
	on, ok := boolean(values[0])
	switch strings.ToLower(name) {
	case "transaction_read_only":
		return choose(on == "on", "READ ONLY", "READ WRITE"), ok
	case "transaction_deferrable":
		return choose(on == "on", "DEFERRABLE", "NOT DEFERRABLE"), ok
	}
	return "", false
}

func validIsolation(level string) bool {
	_, ok := oneOf("serializable", "repeatable read", "read committed", "read uncommitted")(level)
	return ok
}

func (s *Session) actSet(action *rewrite.SessionAction) *sqlstate.Error {
	if strings.EqualFold(action.Name, "transaction") || len(action.Modes) > 0 {
		return s.setTransaction(action.Modes)
	}
	if isMode(action.Name) {
		return s.setMode(action.Name, action.Values)
	}
	local := action.Kind == "SET LOCAL"
	if local && !s.tx.block && s.tx.idle() {
		if _, err := s.settings.find(action.Name); err != nil {
			return err
		}
		s.warn(sqlstate.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks")
		return nil
	}
	s.enter()
	return s.settings.Set(action.Name, action.Values, local)
}

// showColumns is the row shape of SHOW: one text, named as the parameter is written.
func showColumns(action *rewrite.SessionAction) []rewrite.Column {
	if action.Name == showAll {
		return []rewrite.Column{textColumn("name"), textColumn("setting"), textColumn("description")}
	}
	name := action.Name
	if def := findSetting(name); def != nil {
		name = def.name
	}
	return []rewrite.Column{textColumn(name)}
}

func textColumn(name string) rewrite.Column {
	const oidText = 25
	return rewrite.Column{Name: name, TypeOID: oidText, TypeLen: -1, Typmod: -1}
}

// showAll is the name that SHOW ALL has.
const showAll = "all"

func (s *Session) show(out *wire.Output, action *rewrite.SessionAction, formats []int16, simple bool) *sqlstate.Error {
	if action.Name == showAll {
		if simple {
			rowDescription(out, showColumns(action), formats)
		}
		for i := range settings {
			textRow(out, settings[i].name, s.settings.Get(settings[i].name), "")
		}
		return nil
	}
	value, ok := s.showValue(action.Name)
	if !ok {
		return unknownSetting(action.Name)
	}
	if simple {
		rowDescription(out, showColumns(action), formats)
	}
	textRow(out, value)
	return nil
}

func textRow(out *wire.Output, values ...string) {
	row := out.DataRow(len(values))
	for _, v := range values {
		row.Value([]byte(v))
	}
	row.Finish()
}

func (s *Session) showValue(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "transaction_isolation":
		return s.currentModes().isolation, true
	case "transaction_read_only":
		return onOff(s.currentModes().readOnly), true
	case "transaction_deferrable":
		return onOff(s.currentModes().deferrable), true
	}
	return s.settings.Known(name)
}

// discardAll makes the session as new. What servers hold of its settings follows at their next use.
func (s *Session) discardAll() *sqlstate.Error {
	if !s.tx.idle() {
		return sqlstate.New(sqlstate.ActiveSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
	}
	s.settings.ResetAll()
	s.deallocateAll()
	clear(s.protocol.portals)
	s.freeHeld()
	return nil
}
