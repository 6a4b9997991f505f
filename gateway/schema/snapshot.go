package schema

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/rewrite/catalog"
)

// The queries of a snapshot. They see everything but temporary objects and TOAST tables, and their rows have a fixed
// order, because the version is a hash over them. An OID is part of the content: plans hold them.
const (
	// visibleSchemas is a condition on pg_namespace n.
	visibleSchemas = `n.nspname !~ '^pg_(temp|toast)'`

	snapshotSchemas = `SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE ` + visibleSchemas + ` ORDER BY n.oid`

	snapshotRelations = `SELECT c.oid, n.nspname, c.relname, c.relkind
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND ` + visibleSchemas + ` ORDER BY c.oid`

	// snapshotColumns takes the expression for the column's id and a join that provides it.
	snapshotColumns = `SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef,
			a.attgenerated <> '', a.attidentity <> '',
			CASE WHEN o.oid IS NULL THEN '' WHEN o.collnamespace <> 'pg_catalog'::pg_catalog.regnamespace
					THEN o.collnamespace::pg_catalog.regnamespace::text || '.' || pg_catalog.quote_ident(o.collname)
				WHEN o.collname = 'POSIX' THEN 'C' ELSE o.collname END,
			%s
		FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
		%s
		WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
			AND ` + visibleSchemas + `
		ORDER BY a.attrelid, a.attnum`

	// snapshotKeys leaves out what does not hold for all rows (partial indexes) or not for columns (expressions).
	snapshotKeys = `SELECT i.indrelid, c.relname, i.indisprimary, a.attname
		FROM pg_catalog.pg_index i
		JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, place)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
			AND ` + visibleSchemas + `
		ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid, k.place`

	snapshotInheritance = `SELECT i.inhrelid, i.inhparent
		FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'f') AND ` + visibleSchemas + ` ORDER BY i.inhrelid, i.inhseqno`

	snapshotTypes = `SELECT t.oid, n.nspname, t.typname, t.typlen, t.typtype, t.typbasetype,
			CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc THEN t.typelem ELSE 0 END
		FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
		WHERE ` + visibleSchemas + ` ORDER BY t.oid`

	snapshotFunctions = `SELECT DISTINCT n.nspname COLLATE "C", p.proname COLLATE "C"
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname <> 'pg_catalog' AND ` + visibleSchemas + ` ORDER BY 1, 2`

	// columnIDsExist finds the table without needing a right to its schema.
	columnIDsExist = `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'portcullis' AND c.relname = 'columns'`
	columnIDJoin = `LEFT JOIN portcullis.columns p
		ON p.schema_name = n.nspname AND p.table_name = c.relname AND p.column_name = a.attname`
)

// LoadCatalog reads the catalog of the logical database in one consistent snapshot and two round trips. The version is a
// hash of the content, OIDs included: equal content gives an equal version.
func (l *Logical) LoadCatalog(ctx context.Context) (*catalog.Catalog, error) {
	var results []*pgconn.Result
	err := l.use(ctx, func(ctx context.Context, c *connection) error {
		found, err := c.Exec(ctx, columnIDsExist).ReadAll()
		if err != nil {
			return err
		}
		id, join := "''", ""
		if len(found[0].Rows) > 0 {
			id, join = "coalesce(p.id, '')", columnIDJoin
		}
		results, err = c.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+snapshotSchemas+"; "+
			snapshotRelations+"; "+fmt.Sprintf(snapshotColumns, id, join)+"; "+snapshotKeys+"; "+snapshotInheritance+
			"; "+snapshotTypes+"; "+snapshotFunctions+"; COMMIT").ReadAll()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the catalog of the logical database: %w", err)
	}
	return newCatalog(results[1 : len(results)-1]) // between BEGIN and COMMIT
}

// newCatalog builds a catalog from the results of the snapshot queries, in their order.
func newCatalog(results []*pgconn.Result) (*catalog.Catalog, error) {
	r := &rows{}
	var schemas []string
	for r.over(results[0]); r.next(); {
		schemas = append(schemas, r.text(0))
	}
	relations := make(map[uint32]*catalog.Relation, len(results[1].Rows))
	ordered := make([]*catalog.Relation, 0, len(results[1].Rows))
	for r.over(results[1]); r.next(); {
		relation := &catalog.Relation{OID: r.oid(0), Name: catalog.Name{Schema: r.text(1), Name: r.text(2)},
			Kind: catalog.Kind(r.char(3))}
		relations[relation.OID] = relation
		ordered = append(ordered, relation)
	}
	for r.over(results[2]); r.next(); {
		relation := relations[r.oid(0)]
		relation.Columns = append(relation.Columns, catalog.Column{Name: r.text(1), Attnum: int16(r.number(2)),
			TypeOID: r.oid(3), Typmod: int32(r.number(4)), NotNull: r.boolean(5), HasDefault: r.boolean(6),
			Generated: r.boolean(7), Identity: r.boolean(8), Collation: r.text(9), ID: r.text(10)})
	}
	for r.over(results[3]); r.next(); {
		relation := relations[r.oid(0)]
		if relation == nil {
			continue // a TOAST table's index cannot come here; a relation of a kind that nobody names could
		}
		if n := len(relation.Keys); n == 0 || relation.Keys[n-1].Name != r.text(1) {
			relation.Keys = append(relation.Keys, catalog.Key{Name: r.text(1), Primary: r.boolean(2)})
		}
		key := &relation.Keys[len(relation.Keys)-1]
		key.Columns = append(key.Columns, r.text(3))
	}
	for r.over(results[4]); r.next(); {
		child, parent := relations[r.oid(0)], relations[r.oid(1)]
		if child == nil || parent == nil {
			continue // one of them is a temporary table
		}
		child.Parents = append(child.Parents, parent.Name)
		parent.Children = append(parent.Children, child.Name)
	}
	var types []catalog.Type
	for r.over(results[5]); r.next(); {
		types = append(types, catalog.Type{OID: r.oid(0), Name: catalog.Name{Schema: r.text(1), Name: r.text(2)},
			Len: int16(r.number(3)), Kind: r.char(4), Base: r.oid(5), Elem: r.oid(6)})
	}
	var functions []catalog.Name
	for r.over(results[6]); r.next(); {
		functions = append(functions, catalog.Name{Schema: r.text(0), Name: r.text(1)})
	}
	if r.err != nil {
		return nil, fmt.Errorf("read the catalog of the logical database: %w", r.err)
	}
	return catalog.New(contentHash(results), schemas, ordered, types, functions), nil
}

// contentHash hashes results unambiguously: each field with its length, each result with its number of rows.
func contentHash(results []*pgconn.Result) uint64 {
	h := sha256.New()
	var length [8]byte
	number := func(n int) {
		binary.BigEndian.PutUint64(length[:], uint64(n))
		h.Write(length[:])
	}
	for _, result := range results {
		number(len(result.Rows))
		for _, row := range result.Rows {
			for _, field := range row {
				number(len(field))
				h.Write(field)
			}
		}
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// rows reads results in text format. The first field that is not what it should be is kept in err.
type rows struct {
	result *pgconn.Result
	at     int
	err    error
}

func (r *rows) over(result *pgconn.Result) { r.result, r.at = result, -1 }
func (r *rows) next() bool                 { r.at++; return r.at < len(r.result.Rows) && r.err == nil }
func (r *rows) text(i int) string          { return string(r.result.Rows[r.at][i]) }
func (r *rows) boolean(i int) bool         { return r.text(i) == "t" }
func (r *rows) oid(i int) uint32           { return uint32(r.number(i)) }

func (r *rows) char(i int) byte {
	if field := r.result.Rows[r.at][i]; len(field) > 0 {
		return field[0]
	}
	return 0
}

func (r *rows) number(i int) int64 {
	n, err := strconv.ParseInt(r.text(i), 10, 64)
	if err != nil {
		r.err = fmt.Errorf("field %d of the answer is not a number", i)
	}
	return n
}
