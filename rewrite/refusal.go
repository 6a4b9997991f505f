package rewrite

import (
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// refuse makes a refusal at a place of the statement (a byte offset in its text, -1 if unknown).
func (a *analysis) refuse(code sqlstate.Code, rule string, location int32, format string, args ...any) *sqlstate.Error {
	return sqlstate.New(code, format, args...).WithRule(rule).At(a.statement.position(location))
}

// refuseUse refuses the use of a protected column in a construct that would need its plain value. use completes
// "may not be used in ...": "WHERE", "ORDER BY". right is the right that the policy could give, "" if there is none.
func (a *analysis) refuseUse(b *base, rule, use, right string, location int32) *sqlstate.Error {
	switch {
	case b.access.Right == policy.Deny:
		return a.refuseDenied(b, location)
	case b.access.Right == policy.Masked:
		e := a.refuse(sqlstate.InsufficientPrivilege, "masked-"+rule, location,
			"column %q of %q is masked for role %q and may not be used in %s",
			b.column.Name, b.entry.table.Name.Name, a.env.View.RoleNames(), use)
		if right != "" && (b.protected.Encrypt == nil || b.protected.Encrypt.Equality && (right == "eq" || right == "in")) {
			return e.WithHint("The policy can give the right \"predicates: [%s]\" to this role.", right)
		}
		return e.WithHint("It may be selected as a plain column, tested with IS NULL, or counted.")
	}
	return a.refuse(sqlstate.FeatureNotSupported, "sealed-"+rule, location,
		"encrypted column %q of %q may not be used in %s", b.column.Name, b.entry.table.Name.Name, use).
		WithHint("%s", sealedHint(b))
}

// sealedHint says what can be done with an encrypted column.
func sealedHint(b *base) string {
	if b.protected.Encrypt.Equality {
		return "It may be selected as a plain column, compared with = or IN to a parameter or literal, and tested with IS NULL."
	}
	return "It may be selected as a plain column and tested with IS NULL. \"search: [equality]\" would let it be compared with = and IN."
}

// refuseDerived refuses a generated column that may be computed from what these roles may not see.
func (a *analysis) refuseDerived(b *base, location int32) *sqlstate.Error {
	if b == nil || !b.derived {
		return nil
	}
	return a.refuse(sqlstate.InsufficientPrivilege, "generated-column", location,
		"generated column %q of %q may be computed from columns that role %q may not see", b.column.Name,
		b.entry.table.Name.Name, a.env.View.RoleNames()).
		WithHint("List it under the table's \"columns:\" and give it a policy of its own.")
}

func (a *analysis) refuseDenied(b *base, location int32) *sqlstate.Error {
	return a.refuse(sqlstate.InsufficientPrivilege, "denied-column", location,
		"column %q of %q is denied to role %q", b.column.Name, b.entry.table.Name.Name, a.env.View.RoleNames()).
		WithHint("The policy rule that decided is %s.", decidedBy(b.access))
}

func decidedBy(a policy.Access) string {
	if a.Rule == "" {
		return "default"
	}
	return a.Rule
}

// unsupported refuses a construct by name.
func (a *analysis) unsupported(construct, rule string, location int32) *sqlstate.Error {
	return a.refuse(sqlstate.FeatureNotSupported, rule, location, "%s is not supported on a protected or sharded database", construct)
}
