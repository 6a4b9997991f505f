package session

import (
	"context"
	"strings"
	"time"

	"github.com/portcullisdb/portcullis/gateway/execute"
	"github.com/portcullisdb/portcullis/gateway/pool"
	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// transaction is the state of the session's transaction: the session's own, because no server knows it. Each server
// connection that a block uses is in a transaction of its own; outside of a block, what runs between two Syncs is one
// transaction too, in PostgreSQL's words an implicit one.
type transaction struct {
	block   bool // between BEGIN and its end
	failed  bool // an error in the block: 25P02 until its end, or until ROLLBACK TO
	modes   modes
	open    bool   // implicit: something ran since the last Sync
	several bool   // implicit, of a string of several statements: cursors may be declared
	queried bool   // a statement has run: isolation and the like are settled
	writer  string // the datasource that was written on
	wrote   bool
	began   time.Time // the first time that somebody asked for it

	savepoints []savepoint
	// marks has an entry for each server that has joined the block, by datasource: the settings that the server had at
	// each savepoint that it was given.
	marks map[string][]*pool.Settings
	lost  *sqlstate.Error // why no savepoint can bring the failed block back
}

// modes are the characteristics of a transaction.
type modes struct {
	isolation            string // as SHOW writes it
	readOnly, deferrable bool
}

// defaultModes are those of the transactions to come.
func (s *Session) defaultModes() modes {
	return modes{isolation: s.settings.Get("default_transaction_isolation"),
		readOnly:   s.settings.Get("default_transaction_read_only") == "on",
		deferrable: s.settings.Get("default_transaction_deferrable") == "on"}
}

// currentModes are those of the transaction, or of the next one.
func (s *Session) currentModes() modes {
	if s.tx.idle() {
		return s.defaultModes()
	}
	return s.tx.modes
}

// idle reports that nothing is to be committed or rolled back.
func (t *transaction) idle() bool { return !t.block && !t.open }

// status is the byte of ReadyForQuery.
func (t *transaction) status() byte {
	switch {
	case t.failed:
		return wire.StatusFailed
	case t.block:
		return wire.StatusInTx
	}
	return wire.StatusIdle
}

// failedError is what a failed block answers to everything but its end.
func failedError() *sqlstate.Error {
	return sqlstate.New(sqlstate.InFailedSQLTransaction,
		"current transaction is aborted, commands ignored until end of transaction block")
}

// admit refuses what would write on a second datasource in one transaction, or in a read-only one, before anything is sent.
func (t *transaction) admit(datasources []string, plan *rewrite.Plan) *sqlstate.Error {
	if !plan.Writes {
		return nil
	}
	if t.modes.readOnly {
		command := string(plan.Command)
		if plan.Command == rewrite.CommandSelect {
			command = "SELECT FOR UPDATE"
		}
		return sqlstate.New(sqlstate.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", command)
	}
	for _, d := range datasources {
		if t.wrote && t.writer != d || len(datasources) > 1 {
			return sqlstate.New(sqlstate.FeatureNotSupported, "the transaction would write on more than one server").
				WithRule("second-shard").
				WithHint("Write rows of different servers in transactions of their own.")
		}
	}
	return nil
}

// enter marks that a statement begins: outside of a block it is in an implicit transaction.
func (s *Session) enter() {
	if s.tx.idle() {
		s.tx.modes = s.defaultModes()
		s.settings.Begin()
		s.tx.open = true
	}
}

// begin opens a block. What ran since the last Sync becomes part of it, as in PostgreSQL.
func (s *Session) begin() {
	s.enter()
	s.tx.block = true
	for _, sv := range s.servers {
		if sv.Unsynced && !sv.begun {
			s.beginOn(sv)
		}
	}
}

// beginOn opens the block on one server. What is set within a savepoint, READ ONLY, is not told to servers: a rollback
// would take it back on some of them only. The session itself refuses what would write.
func (s *Session) beginOn(sv *server) {
	m := s.tx.modes
	if len(s.tx.savepoints) > 0 {
		m = s.tx.savepoints[0].modes
	}
	sv.Command(sv.beginCommand(m))
	sv.begun = true
	if s.tx.marks == nil {
		s.tx.marks = map[string][]*pool.Settings{}
	}
	s.tx.marks[sv.Server.Datasource()] = nil
}

// isolates reports that a transaction must be begun by name even outside of a block: its server will be given the session's
// default isolation level only in that transaction, which is too late for it.
func (s *Session) isolates(sv *server) bool {
	have := "read committed"
	if sv.applied != nil {
		have = sv.applied.Values["default_transaction_isolation"]
	}
	return !sv.Unsynced && s.tx.modes.isolation != have
}

// beginCommand names the modes that the server would not choose itself: its defaults are those of the settings that it has
// been given, which may not yet be the session's.
func (sv *server) beginCommand(m modes) string {
	have := map[string]string{}
	if sv.applied != nil {
		have = sv.applied.Values
	}
	var words []string
	if have["default_transaction_isolation"] != m.isolation {
		words = append(words, "ISOLATION LEVEL "+strings.ToUpper(m.isolation))
	}
	if have["default_transaction_read_only"] != onOff(m.readOnly) {
		words = append(words, choose(m.readOnly, "READ ONLY", "READ WRITE"))
	}
	if have["default_transaction_deferrable"] != onOff(m.deferrable) {
		words = append(words, choose(m.deferrable, "DEFERRABLE", "NOT DEFERRABLE"))
	}
	if len(words) == 0 {
		return "BEGIN"
	}
	return "BEGIN " + strings.Join(words, ", ")
}

func choose(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}

// commit ends the transaction: first where it wrote, then elsewhere, so that what fails is known before anything that
// was only read is given up. An error means that the transaction was rolled back, unless it is 08007.
func (s *Session) commit(ctx context.Context) *sqlstate.Error {
	err := s.holdCursors(ctx)
	if err == nil {
		err = s.commitServers(ctx)
	}
	if err != nil {
		s.rollback(ctx)
		return err
	}
	s.settings.Commit()
	s.settleHeld(true)
	s.tx = transaction{}
	return nil
}

func (s *Session) commitServers(ctx context.Context) *sqlstate.Error {
	if writer := s.servers[s.tx.writer]; s.tx.wrote {
		if writer == nil || writer.Broken() {
			return connectionGone(s.tx.writer)
		}
		if err := s.commitOn(ctx, writer); err != nil {
			if writer.Broken() {
				return outcomeUnknown(s.tx.writer)
			}
			return s.database.Runner.Translate(err, writer.Backend, s.restricted())
		}
	}
	for _, sv := range s.servers {
		if err := s.commitOn(ctx, sv); err != nil {
			// Nothing was written there: the transaction is what the writer made it.
			s.log.Warn("a server that was only read did not commit", "datasource", sv.Server.Datasource(), "error", err)
		}
	}
	return nil
}

// commitOn ends a server's transaction, explicit or not.
func (s *Session) commitOn(ctx context.Context, sv *server) *sqlstate.Error {
	if sv.Broken() || !sv.Unsynced && !sv.begun {
		return nil
	}
	if sv.Server.Pending() == 0 {
		if sv.begun {
			sv.Command("COMMIT")
		}
		sv.Sync()
	}
	err := sv.Ready(ctx)
	if err == nil && sv.Server.Status() != wire.StatusIdle {
		err = sqlstate.New(sqlstate.InternalError, "datasource %q did not end its transaction", sv.Server.Datasource())
	}
	if err != nil {
		return err
	}
	sv.committed()
	return nil
}

// rollback ends the transaction everywhere and undoes its settings. A server that does not answer is given up, which
// rolls back too.
func (s *Session) rollback(ctx context.Context) {
	s.rollbackServers(ctx)
	s.settings.Rollback()
	s.settleHeld(false)
	s.tx = transaction{}
}

func (s *Session) rollbackServers(ctx context.Context) {
	for name, sv := range s.servers {
		if err := s.rollbackOn(ctx, sv); err != nil || sv.Broken() {
			s.dropServer(name)
		}
	}
	s.tx.wrote, s.tx.writer = false, ""
}

func (s *Session) rollbackOn(ctx context.Context, sv *server) *sqlstate.Error {
	if sv.Broken() || !sv.Unsynced && !sv.begun {
		return nil
	}
	if sv.Server.Pending() == 0 {
		switch {
		case sv.begun:
			if sv.Failed {
				sv.Sync()
			}
			sv.Command("ROLLBACK")
		case !sv.Failed:
			// Without a block ROLLBACK warns and rolls back what ran since the last Sync all the same
			// (src/backend/access/transam/xact.c, UserAbortTransactionBlock).
			sv.Command("ROLLBACK")
		}
		sv.Sync()
	}
	err := sv.Ready(ctx)
	if sv.Broken() {
		return err
	}
	if sv.Server.Status() != wire.StatusIdle {
		return sqlstate.New(sqlstate.InternalError, "datasource %q did not end its transaction", sv.Server.Datasource())
	}
	sv.rolledBack()
	return nil
}

// abort follows an error: everything that the transaction did is undone at once, as PostgreSQL does, and a block stays
// failed until its end. With a savepoint to return to servers wait for what the client decides.
func (s *Session) abort() {
	if s.tx.idle() {
		return
	}
	if n := len(s.tx.savepoints); n > 0 && s.tx.lost == nil {
		s.tx.failed = true
		if s.tx.whole(s.servers) {
			s.settings.rollbackTo(s.tx.savepoints[n-1].settings)
			return
		}
		s.tx.lost = s.tx.lostError()
	}
	s.rollbackServers(s.working)
	s.settings.Rollback()
	if s.tx.block {
		s.tx.failed = true
		return
	}
	s.settleHeld(false)
	s.tx = transaction{}
}

// endImplicit ends what ran since the last Sync, if it was in no block.
func (s *Session) endImplicit(ctx context.Context) *sqlstate.Error {
	if s.tx.block || !s.tx.open {
		return nil
	}
	return s.commit(ctx)
}

func connectionGone(datasource string) *sqlstate.Error {
	return sqlstate.New(sqlstate.ConnectionFailure, "the connection to datasource %q was lost", datasource)
}

func outcomeUnknown(datasource string) *sqlstate.Error {
	return sqlstate.New(sqlstate.TransactionOutcomeUnknown, "the connection to datasource %q was lost during COMMIT", datasource).
		WithDetail("It is not known whether the transaction was committed.")
}

// home is the datasource to prefer where any will do: the one that the transaction is already on.
func (s *Session) home() string {
	if s.tx.wrote {
		return s.tx.writer
	}
	for name, sv := range s.servers {
		if name != execute.LogicalDatasource && (sv.begun || sv.Unsynced) {
			return name
		}
	}
	return ""
}
