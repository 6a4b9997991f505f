package config

import "github.com/portcullisdb/portcullis/config/policy"

// Validators are what Compile asks about things that other packages know. An error's text is shown after the key it
// belongs to and must not hold a secret. A nil function accepts everything; ExpandNodes must not be nil.
type Validators struct {
	// ExpandNodes expands a node expression such as "ds_0.t_${0..1},ds_1.t_${2..3}".
	ExpandNodes func(expr string) ([]policy.Node, error)
	// Algorithm checks a sharding algorithm for one table. targets are the physical names in the order of its nodes.
	Algorithm func(typ string, props map[string]string, logicTable string, targets []string) error
	// KeyGenerator checks a key generator.
	KeyGenerator func(typ string, props map[string]string) error
	// Mask checks a mask for a column of this type. onUnmaskable is "hide" or "shardingsphere".
	Mask func(typ string, props map[string]string, onUnmaskable string, columnType string) error
	// ColumnType checks that a type can be sealed and, if so wished, searched, and whether folding means something for it.
	ColumnType func(name string, equality, casefold, trim bool) error
	// TypeClass names the types whose equal values have equal tokens: "text" for text and varchar(40). If it is nil, each
	// spelling of a type is a class of its own.
	TypeClass func(name string) string
}
