package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// pipelineSetup is what the pipelines below find: statements, and in a block a portal that has been read in part.
const pipelineSetup = `
send Query "CREATE TEMP TABLE pipelined (n int PRIMARY KEY)"
send Parse name=ins sql="INSERT INTO pipelined VALUES ($1::int)"
send Parse name=sel sql="SELECT g, $1::int AS n FROM generate_series(1, 3) g"
send Sync
until ReadyForQuery I
until ReadyForQuery I
`

// pipelineErrors are messages that fail, one of each kind.
var pipelineErrors = []string{
	`send Parse sql="SELEC"`,
	`send Parse sql="SELECT nothing"`,
	`send Parse name=sel sql="SELECT 1"`,
	`send Bind statement=sel values=1,2`,
	`send Bind statement=sel values=one`,
	`send Bind statement=sel formats=7 values=1`,
	`send Bind statement=sel values=1 results=0,0,0`,
	`send Bind statement=nowhere values=1`,
	`send Describe statement=nowhere`,
	`send Describe portal=nowhere`,
	`send Execute portal=nowhere`,
	"send Bind statement=ins values=1\nsend Execute\nsend Bind statement=ins values=1\nsend Execute",
	`send Raw "C\x00\x00\x00\x06X\x00"`,
	`send Raw "E\x00\x00\x00\x05\x00"`,
}

// pipelineFollowers are messages that do not fail where nothing has failed before them.
var pipelineFollowers = []string{
	`send Parse sql="SELECT 5 AS five"`,
	`send Parse name=later sql="SELECT 6 AS six"`,
	"send Bind statement=sel values=7\nsend Execute max=2\nsend Execute",
	"send Bind statement=ins values=9\nsend Execute",
	`send Describe statement=sel`,
	`send Close statement=later`,
	`send Close portal=nowhere`,
	`send Flush`,
	"send Parse sql=\"\"\nsend Bind\nsend Execute",
	"send Parse sql=\"SET application_name = 'x'\"\nsend Bind\nsend Execute",
}

// pipelineContexts are what a pipeline may run in, and the status that is left behind when it has failed.
var pipelineContexts = map[string][2]string{
	"implicit transaction": {"", "I"},
	"block":                {"send Query \"BEGIN\"\nuntil ReadyForQuery T", "E"},
	"failed block":         {"send Query \"BEGIN\"\nuntil ReadyForQuery T\nsend Query \"SELECT 1 / 0\"\nuntil ReadyForQuery E", "E"},
}

// TestPipelineErrors puts each message that fails before and behind each that does not, in each context, and in further
// batches of the same write.
func TestPipelineErrors(t *testing.T) {
	w := startWire(t)
	for name, context := range pipelineContexts {
		for _, failing := range pipelineErrors {
			var script strings.Builder
			script.WriteString(pipelineSetup)
			for _, follower := range pipelineFollowers {
				fmt.Fprintf(&script, "%s\n%s\n%s\n%s\nsend Sync\nuntil ReadyForQuery %s\n", context[0], follower, failing, follower, context[1])
				fmt.Fprintf(&script, "%s\nsend Sync\n%s\nsend Sync\nuntil ReadyForQuery _\nuntil ReadyForQuery _\n", failing, follower)
				fmt.Fprintf(&script, "send Query \"ROLLBACK\"\nuntil ReadyForQuery I\nsend Query \"TABLE pipelined\"\nuntil ReadyForQuery I\n"+
					"send Query \"TRUNCATE pipelined\"\nuntil ReadyForQuery I\nsend Close statement=later\nsend Sync\nuntil ReadyForQuery I\n")
			}
			w.compare(t, name+": "+failing, script.String(), namedModes)
			w.compare(t, name+": "+failing+", without names", nameless.Replace(script.String()), wireModes)
		}
	}
}

// pipelineRandomRuns is how many sessions, each of 20 pipelines, TestPipelineRandom runs. PORTCULLIS_PIPELINES gives another
// number.
const pipelineRandomRuns = 10

// TestPipelineRandom sends pipelines of random messages, most of which fail somewhere, from a fixed seed.
func TestPipelineRandom(t *testing.T) {
	w := startWire(t)
	runs := pipelineRandomRuns
	if text := os.Getenv("PORTCULLIS_PIPELINES"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for run := range runs {
		random := rand.New(rand.NewPCG(uint64(run), 0))
		var script strings.Builder
		script.WriteString(pipelineSetup)
		for range 20 {
			syncs := 0
			for range 1 + random.IntN(12) {
				switch n := random.IntN(10); {
				case n == 0:
					script.WriteString(pipelineErrors[random.IntN(len(pipelineErrors))] + "\n")
				case n == 1:
					script.WriteString("send Sync\n")
					syncs++
				case n == 2:
					fmt.Fprintf(&script, "send Parse sql=%q\nsend Bind\nsend Execute\n", []string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a",
						"ROLLBACK TO a", "SET LOCAL application_name = 'y'", "SHOW application_name", "RESET application_name"}[random.IntN(8)])
				default:
					script.WriteString(pipelineFollowers[random.IntN(len(pipelineFollowers))] + "\n")
				}
			}
			script.WriteString("send Sync\n" + strings.Repeat("until ReadyForQuery _\n", syncs+1))
		}
		w.compare(t, fmt.Sprint("seed ", run), script.String(), namedModes)
		w.compare(t, fmt.Sprint("seed ", run, " without names"), nameless.Replace(script.String()), wireModes)
	}
}

// namedModes are the modes in which an error may come before a Parse or Close of a name, and nameless takes these out for
// the others.
var (
	namedModes = wireModes[:2]
	nameless   = strings.NewReplacer("send Parse name=sel sql=\"SELECT 1\"", "send Parse sql=\"SELEC\"", "send Parse name=later ", "send Parse ",
		"send Close statement=later", "send Flush")
)

// compare runs a script against PostgreSQL and through the gateway, in modes, and holds all that is answered against each other.
func (w *wireStage) compare(t *testing.T, name, text string, modes []string) {
	t.Helper()
	transcripts := make([]*wirescript.Transcript, len(modes))
	for i, mode := range modes {
		script, err := wirescript.Parse(name, text, mode, wirescript.Targets())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), wireScriptTimeout)
		transcripts[i], err = script.Run(ctx, w.target(mode))
		cancel()
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			return
		}
		if difference := transcripts[0].Difference(transcripts[i]); difference != "" {
			t.Errorf("%s: %s: %s", mode, name, difference)
		}
	}
}
