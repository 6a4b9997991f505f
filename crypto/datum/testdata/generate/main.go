// Generate writes what PostgreSQL says of the inputs in golden files of package datum:
//
//	go run ./crypto/datum/testdata/generate 'host=/tmp user=postgres' crypto/datum/testdata/*.txt
//
// The server must be a PostgreSQL 15 with encoding UTF8. A golden file has lines of these forms:
//
//	# comment
//	@type numeric(12,2)          the type of the inputs that follow
//	@set TimeZone=Europe/Berlin  settings of the session; without any: DateStyle ISO, MDY, TimeZone UTC
//	"text"                       an input as a Go string: the text form ("@binary" switches to the binary form)
//
// The generator adds to each input, after tabs, either "ok", the stored value's binary form in hexadecimal, its text form
// as a Go string and the rank of the value among those of its type, where equal values have equal ranks; or the SQLSTATE and
// the message. A last column such as "ours 0A000: why" is written by hand and kept: the SQLSTATE that package datum gives
// instead.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: generate CONNECTION FILE...")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, name := range os.Args[2:] {
		text, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		g := generator{ctx: ctx, conn: conn}
		for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			if err := g.line(line); err != nil {
				log.Fatalf("%s:%d: %v", name, i+1, err)
			}
		}
		g.rank()
		if err := os.WriteFile(name, []byte(strings.Join(g.out, "\n")+"\n"), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

type generator struct {
	ctx    context.Context
	conn   *pgconn.PgConn
	binary bool
	oid    uint32
	typ    string
	out    []string
	// accepted are the lines since @type whose inputs are in table golden, by id.
	accepted []int
}

func (g *generator) exec(sql string) error {
	_, err := g.conn.Exec(g.ctx, sql).ReadAll()
	return err
}

func (g *generator) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || line[0] == '#':
		g.out = append(g.out, line)
		return nil
	case line == "@binary" || line == "@text":
		g.binary = line == "@binary"
		g.out = append(g.out, line)
		return nil
	case word == "@type":
		g.rank()
		g.out = append(g.out, line)
		return g.setType(rest)
	case word == "@set":
		g.out = append(g.out, line)
		sql := "SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'; SET bytea_output = hex;"
		for _, setting := range strings.Fields(rest) {
			name, value, _ := strings.Cut(setting, "=")
			sql += fmt.Sprintf("SET %s = '%s';", name, value)
		}
		return g.exec(sql)
	case line[0] != '"':
		return errors.New("not a line of a golden file")
	}
	return g.input(line)
}

func (g *generator) setType(typ string) error {
	g.typ = typ
	if err := g.exec("SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'; SET bytea_output = hex; DROP TABLE IF EXISTS golden; " +
		"CREATE TEMP TABLE golden (id int, v " + typ + ")"); err != nil {
		return err
	}
	results, err := g.conn.Exec(g.ctx, "SELECT atttypid::oid FROM pg_attribute WHERE attrelid = 'golden'::regclass AND attname = 'v'").ReadAll()
	if err != nil {
		return err
	}
	oid, err := strconv.ParseUint(string(results[0].Rows[0][0]), 10, 32)
	g.oid = uint32(oid)
	return err
}

func (g *generator) input(line string) error {
	columns := strings.Split(line, "\t")
	input, err := strconv.Unquote(columns[0])
	if err != nil {
		return err
	}
	ours := ""
	if last := columns[len(columns)-1]; strings.HasPrefix(last, "ours ") {
		ours = "\t" + last
	}
	format := int16(0)
	if g.binary {
		format = 1
	}
	insert := func(resultFormat int16) ([][]byte, error) {
		sql := fmt.Sprintf("INSERT INTO golden VALUES (%d, $1) RETURNING v", len(g.out))
		result := g.conn.ExecParams(g.ctx, sql, [][]byte{[]byte(input)}, []uint32{g.oid}, []int16{format}, []int16{resultFormat}).Read()
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Rows[0], nil
	}
	text, err := insert(0)
	if failure := (*pgconn.PgError)(nil); errors.As(err, &failure) {
		g.out = append(g.out, columns[0]+"\t"+failure.Code+"\t"+strconv.Quote(failure.Message)+ours)
		return nil
	}
	if err != nil {
		return err
	}
	if err := g.exec(fmt.Sprintf("DELETE FROM golden WHERE id = %d", len(g.out))); err != nil {
		return err
	}
	binary, err := insert(1)
	if err != nil {
		return err
	}
	g.accepted = append(g.accepted, len(g.out))
	g.out = append(g.out, columns[0]+"\tok\t"+hex.EncodeToString(binary[0])+"\t"+strconv.Quote(string(text[0]))+"\t-"+ours)
	return nil
}

// rank fills in the ranks since the last @type.
func (g *generator) rank() {
	if len(g.accepted) == 0 || g.typ == "json" {
		g.accepted = nil
		return
	}
	collate := ""
	if g.typ == "text" || strings.HasPrefix(g.typ, "varchar") {
		collate = ` COLLATE "C"`
	}
	results, err := g.conn.Exec(g.ctx, "SELECT id, dense_rank() OVER (ORDER BY v"+collate+") FROM golden").ReadAll()
	if err != nil {
		log.Fatal(err)
	}
	ranks := map[int]string{}
	for _, row := range results[0].Rows {
		id, _ := strconv.Atoi(string(row[0]))
		ranks[id] = string(row[1])
	}
	for _, id := range g.accepted {
		columns := strings.Split(g.out[id], "\t")
		columns[4] = ranks[id]
		g.out[id] = strings.Join(columns, "\t")
	}
	g.accepted = nil
}
