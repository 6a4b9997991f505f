package schema

import (
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/config/policy"
)

// physicalDefinition says what a logical table is on its node at position. The table must have passed judge.
//
// Columns keep their names and places; encrypted ones become portcullis.sealed with a check. UNIQUE over an encrypted
// column becomes a unique index over its equality token under the constraint's name, an index over it an index over the
// token; a searchable column that then leads no index gets one. Foreign keys point to the node where the rows are.
func physicalDefinition(db *policy.Database, t *policy.Table, position int, logical *definition) *definition {
	p := &definition{name: policy.TableName{Schema: t.Name.Schema, Name: t.Nodes[position].Table}}
	for _, c := range logical.columns {
		if encrypted(t, c.name) != nil {
			c = column{name: c.name, typ: sealedType, notNull: c.notNull}
			p.constraints = append(p.constraints, sealedCheck(c.name))
		}
		p.columns = append(p.columns, c)
	}
	for _, c := range logical.constraints {
		_, sealed := firstEncrypted(t, c.columns)
		c.name = physicalName(t, position, c.name)
		switch {
		case c.kind == 'u' && sealed:
			p.indexes = append(p.indexes, sealedIndex(t, uniqueIndex(&c)))
			continue
		case c.kind == 'f':
			node, _ := referencedNode(t, position, db.Tables[c.references], &c)
			c.references.Name = node.Table
		}
		p.constraints = append(p.constraints, c)
	}
	for _, i := range logical.indexes {
		i.name = physicalName(t, position, i.name)
		p.indexes = append(p.indexes, sealedIndex(t, i))
	}
	for _, column := range encryptedColumns(t) {
		if encrypted(t, column).Equality && !leads(p.indexes, tokenKey(column)) {
			p.indexes = append(p.indexes, index{method: "btree", valid: true, keys: []indexKey{tokenKey(column)},
				name: physicalName(t, position, ownName(t.Name.Name, column, "eq_1"))})
		}
	}
	return p
}

// uniqueIndex is the index that decides a unique constraint.
func uniqueIndex(c *constraint) index {
	i := index{name: c.name, method: "btree", unique: true, nullsNotDistinct: c.nullsNotDistinct, valid: true,
		include: c.include}
	for _, column := range c.columns {
		i.keys = append(i.keys, indexKey{column: column})
	}
	return i
}

// sealedIndex replaces the encrypted columns among an index's keys by their equality tokens, which have no collation,
// operator class or order of the column's.
func sealedIndex(t *policy.Table, i index) index {
	i.keys = slices.Clone(i.keys)
	for n, k := range i.keys {
		if encrypted(t, k.column) != nil {
			i.keys[n] = tokenKey(k.column)
		}
	}
	return i
}

// tokenKey is the equality token of a column.
func tokenKey(column string) indexKey {
	return indexKey{expression: "portcullis.eq_1(" + identifier(column) + ")"}
}

// leads reports that some index over all rows begins with the key.
func leads(indexes []index, key indexKey) bool {
	return slices.ContainsFunc(indexes, func(i index) bool {
		return i.predicate == "" && (i.method == "btree" || i.method == "hash") && i.keys[0] == key
	})
}

// checksSealed reports that the constraint is one of sealedCheck.
func (c *constraint) checksSealed() bool {
	return c.kind == 'c' && strings.HasPrefix(c.text, "CHECK (portcullis.is_sealed(")
}

// sealedCheck is the constraint that a protected column has on its nodes. Its name is unique in the table only, which is
// all that PostgreSQL asks of it, and so needs no node's suffix.
func sealedCheck(column string) constraint {
	return constraint{name: ownName(column, "is_sealed"), kind: 'c', columns: []string{column}, touches: []string{column},
		valid: true, text: "CHECK (portcullis.is_sealed(" + identifier(column) + "))"}
}
