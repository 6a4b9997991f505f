package gateway

import (
	"errors"
	"fmt"
	"os"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/gateway/audit"
	"github.com/portcullisdb/portcullis/gateway/session"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// openAudit opens the audit log; nil if the configuration has none.
func (g *Gateway) openAudit(c *config.Audit) (*audit.Log, error) {
	o := &g.options
	if c.File == nil {
		return nil, nil
	}
	key, err := audit.ReadSigningKey(c.File.Key)
	if errors.Is(err, os.ErrNotExist) {
		key, err = audit.CreateSigningKey(c.File.Key, o.Random)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key of the audit log: %w", err)
	}
	onFull := audit.OnFullBlock
	if c.OnFull == "gap" {
		onFull = audit.OnFullGap
	}
	return audit.Open(c.File.Path, audit.Options{SigningKey: key, AnchorPath: c.File.Anchors, OnFull: onFull,
		NoSync: !c.File.Sync, Clock: o.Clock, Random: o.Random, Shared: o.AuditFiles,
		Alarm: func(err error) {
			if err != nil {
				g.health.auditTroubles.Add(1)
				o.Log.Error("the audit log cannot be written", "error", err)
				return
			}
			g.health.auditTroubles.Add(-1)
			o.Log.Info("the audit log can be written again")
		}})
}

// recorder is the audit log as sessions see it.
func (g *Gateway) recorder() session.Recorder {
	if g.audit == nil {
		return nil
	}
	return g.audit
}

// Audit returns the audit log, for events of administration; nil if there is none.
func (g *Gateway) Audit() *audit.Log { return g.audit }

// AuditFiles returns the files of the audit log for the process that replaces this one, which begins to share the log:
// audit.Log.Share. They stay the gateway's.
func (g *Gateway) AuditFiles() []*os.File {
	if g.audit == nil {
		return nil
	}
	return g.audit.Share()
}

// recordAdmin records what was done to the gateway, or was tried.
func (g *Gateway) recordAdmin(action string, failure error) {
	if g.audit == nil {
		return
	}
	e := &audit.Event{Kind: audit.KindAdmin, Action: action, Decision: "allow",
		Generation: g.state.Load().state.Policy.Generation}
	if failure != nil {
		e.Decision, e.SQLState = "refuse", sqlstate.InvalidParameterValue.String()
	}
	if err := g.audit.Record(g.life, e); err != nil {
		g.options.Log.Error("an audit event could not be recorded", "kind", e.Kind, "error", err)
	}
}
