package session

import (
	"github.com/portcullisdb/portcullis/gateway/wire"
)

// barriers follows, in order, what was sent to a server that it answers with ReadyForQuery. COPY makes that less simple than
// a count: while it reads data, the server passes over Sync (src/backend/commands/copyfromparse.c, CopyGetData), and the
// client may have sent data and Sync before it knows that COPY has begun. So the ends of data are kept in the row.
type barriers struct {
	kinds []byte // of what is outstanding, oldest first: TypeSync, TypeQuery, TypeFunctionCall, settingUp, preparing, or copyEnd
	next  int    // the oldest in kinds
	count int    // without the copyEnds
	// copying: the server reads COPY data, and the client has not ended it yet.
	copying bool
	// doubtful: the client has broken the protocol in COPY, and nobody knows any more how many answers will come.
	doubtful bool
}

// copyEnd marks CopyDone or CopyFail. The others mark something of the gateway's own, whose answers are for nobody: settingUp
// must succeed, and if preparing does not, what follows it will tell the client.
const (
	copyEnd = wire.TypeCopyDone
	// copyEndOpen is one behind an Execute and before its Sync.
	copyEndOpen = 'o'
	settingUp   = 'u'
	preparing   = 'p'
)

// none reports that nothing is outstanding.
func (b *barriers) none() bool { return b.count == 0 && !b.copying && !b.doubtful }

// sent takes note of a message that goes to the server, and reports whether it will be answered by ReadyForQuery. open says
// that messages of the extended protocol stand before it without Sync.
func (b *barriers) sent(t wire.Type, open bool) (counted bool) {
	if b.copying {
		switch t {
		case wire.TypeCopyDone, wire.TypeCopyFail:
			b.copying = false
		case wire.TypeCopyData, wire.TypeSync, wire.TypeFlush:
		default:
			b.copying, b.doubtful = false, true
		}
		return false
	}
	switch t {
	case wire.TypeSync, wire.TypeQuery, wire.TypeFunctionCall:
		b.push(t)
		b.count++
		return true
	case wire.TypeCopyDone, wire.TypeCopyFail:
		switch {
		case open:
			b.push(copyEndOpen)
		case b.count > 0:
			b.push(copyEnd)
		}
	}
	return false
}

func (b *barriers) push(kind byte) {
	if b.next == len(b.kinds) {
		b.kinds, b.next = b.kinds[:0], 0
	}
	b.kinds = append(b.kinds, kind)
}

// sentHidden takes note of something of the gateway's own that will be answered by ReadyForQuery.
func (b *barriers) sentHidden(kind byte) {
	b.push(kind)
	b.count++
}

// hides returns what of the gateway's own the server answers now, 0 if it answers the client.
func (b *barriers) hides() byte {
	if b.next < len(b.kinds) && (b.kinds[b.next] == settingUp || b.kinds[b.next] == preparing) {
		return b.kinds[b.next]
	}
	return 0
}

// ready takes note of ReadyForQuery; false if nothing asked for it.
func (b *barriers) ready() bool {
	if b.doubtful {
		b.count = max(b.count-1, 0)
		return true
	}
	b.copying = false
	for b.next < len(b.kinds) {
		kind := b.kinds[b.next]
		b.next++
		if kind != copyEnd && kind != copyEndOpen {
			b.count--
			b.skipEnds()
			return true
		}
	}
	return false
}

// skipEnds passes the ends of data that nothing took: the oldest of kinds is what the server answers next.
func (b *barriers) skipEnds() {
	for b.next < len(b.kinds) && b.kinds[b.next] == copyEnd {
		b.next++
	}
}

// copyIn takes note of CopyInResponse, and returns how many of the Syncs that were sent the server passes over. simple
// reports that a Query has begun the COPY: its ReadyForQuery comes without Sync.
func (b *barriers) copyIn() (passed int, simple bool) {
	at := b.next
	if at < len(b.kinds) && b.kinds[at] == copyEndOpen {
		b.next++
		return 0, false
	}
	if at < len(b.kinds) && b.kinds[at] == wire.TypeQuery {
		simple = true
		at++
	}
	end := at
	for ; end < len(b.kinds); end++ {
		if b.kinds[end] == copyEnd || b.kinds[end] == copyEndOpen {
			b.kinds = append(b.kinds[:at], b.kinds[end+1:]...)
			b.count -= passed
			return passed, simple
		}
		if b.kinds[end] != wire.TypeSync {
			b.doubtful = true
			return 0, simple
		}
		passed++
	}
	b.kinds = b.kinds[:at]
	b.count -= passed
	b.copying = true
	return passed, simple
}

// failed takes note of ErrorResponse: the server reads no data any more.
func (b *barriers) failed() { b.copying = false }
