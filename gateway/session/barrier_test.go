package session

import (
	"testing"

	"github.com/portcullisdb/portcullis/gateway/wire"
)

// Each row is what a client sends (in frontend letters), with G where CopyInResponse is read, E an error, Z a
// ReadyForQuery: and how many answers are outstanding in the end.
func TestBarriersFollowCopy(t *testing.T) {
	for _, c := range []struct {
		events          string
		count           int
		copying, doubt_ bool
	}{
		{"SSS", 3, false, false},
		{"SZQZ", 0, false, false},
		{"QGddc", 1, false, false},
		{"QGddcZ", 0, false, false},
		{"BdcBSG", 1, false, false}, // Execute, data and the next statement before the Sync
		{"BdcBSGZ", 0, false, false},
		{"BdcBSQZZ", 0, false, false}, // nothing was copied
		{"BcSBcSGZ", 1, false, false},
		{"BcSBcSGZGZ", 0, false, false},
		{"QG", 1, true, false},
		{"QGSH", 1, true, false},         // Sync and Flush within COPY are passed over
		{"QSddcSG", 2, false, false},     // data before the server has said that it wants any
		{"SG", 0, true, false},           // the extended protocol: Execute, Sync, and COPY begins
		{"SGddcS", 1, false, false},      // as libpq ends it
		{"SGddcSZ", 0, false, false},     //
		{"SddcSG", 1, false, false},      // the same without waiting
		{"SGddfSEZ", 0, false, false},    // CopyFail
		{"QGdEZ", 0, false, false},       // an error in the middle
		{"QGdEdcZ", 0, false, false},     // and what the client still sends
		{"SGdEdcSZ", 0, false, false},    //
		{"QGdQ", 1, false, true},         // a query in the middle of COPY
		{"QQG", 2, false, true},          //
		{"cQG", 1, true, false},          // an end of nothing
		{"QcG", 1, false, false},         // no data at all
		{"QGcZQGcZ", 0, false, false},    //
		{"SSZG", 0, true, false},         // a pipeline in which the second one copies
		{"QGcQZZ", 0, false, false},      // the next query is sent behind the data
		{"QGcQZ", 1, false, false},       //
		{"SGcSSSZ", 2, false, false},     //
		{"QGdcSZ", 1, false, false},      //
		{"QGdddEZSSZZ", 0, false, false}, //
		{"QGSSScSZZ", 0, false, false},   //
		{"QSSScSGZZ", 0, false, false},   //
		{"QGdEZcQGcZ", 0, false, false},  // the end comes after the error was answered
		{"QGdEZcSZ", 0, false, false},    //
		{"QGdE", 1, false, false},        //
		{"QGcZcQGc", 1, false, false},    //
		{"QcQGZG", 1, true, false},       //
	} {
		var b barriers
		open := false
		for _, e := range []byte(c.events) {
			switch e {
			case 'B': // a message of the extended protocol
				open = true
			case 'Z':
				if !b.ready() {
					t.Errorf("%s: a ReadyForQuery too many", c.events)
				}
			case 'G':
				b.copyIn()
			case 'E':
				b.failed()
			default:
				b.sent(wire.Type(e), open)
				open = open && e != 'S'
			}
		}
		if b.count != c.count || b.copying != c.copying || b.doubtful != c.doubt_ {
			t.Errorf("%s: %d outstanding, copying %v, doubtful %v", c.events, b.count, b.copying, b.doubtful)
		}
	}
}
