package execute

import (
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/rewrite"
)

// physicalText prints the statement for one choice of nodes: node i stands for plan.Route.Tables[i]. The
// fragment before a table's name ends in its schema.
func physicalText(plan *rewrite.Plan, nodes []policy.Node) string {
	if len(plan.Text.Tables) == 0 {
		return strings.Join(plan.Text.Fragments, "")
	}
	var b strings.Builder
	for i, fragment := range plan.Text.Fragments {
		b.WriteString(fragment)
		if i < len(plan.Text.Tables) {
			b.WriteString(quoteIdentifier(nodes[plan.Text.Tables[i]].Table))
		}
	}
	return b.String()
}

// quoteIdentifier quotes a name for SQL, always (quote_identifier in src/backend/utils/adt/ruleutils.c without its
// exceptions).
func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
