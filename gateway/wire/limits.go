package wire

// The defaults of Limits, in bytes. A frame's bytes are counted as its length field counts them: without the type.
const (
	// StartupBytesDefault is MAX_STARTUP_PACKET_LENGTH of PostgreSQL (src/include/libpq/pqcomm.h).
	StartupBytesDefault = 10_000
	// SmallBytesDefault is PQ_SMALL_MESSAGE_LIMIT of PostgreSQL (src/include/libpq/libpq.h).
	SmallBytesDefault = 10_000
	// MessageBytesDefault is a sixteenth of PostgreSQL's PQ_LARGE_MESSAGE_LIMIT: one frame is held whole in memory.
	MessageBytesDefault = 64 << 20
	// MessageBytesMax is PQ_LARGE_MESSAGE_LIMIT: MaxAllocSize - 1 (src/include/utils/memutils.h).
	MessageBytesMax = 1<<30 - 2
)

// frameBytesMin is the least that a length field may declare: itself.
const frameBytesMin = 4

// Limits are the sizes of frames that a Conn accepts, in bytes. Zero means the default.
type Limits struct {
	// StartupBytes bounds each frame until Authenticated is called.
	StartupBytes int
	// MessageBytes bounds each frame after that.
	MessageBytes int
	// SmallBytes bounds the frontend messages that carry no more than a name: Close, Describe, Execute, Flush, Sync,
	// Terminate, CopyDone, CopyFail. It holds only for what ReadStartup has made the client's side of the gateway.
	SmallBytes int
}

func (l Limits) withDefaults() Limits {
	if l.StartupBytes <= 0 {
		l.StartupBytes = StartupBytesDefault
	}
	if l.MessageBytes <= 0 {
		l.MessageBytes = MessageBytesDefault
	}
	if l.SmallBytes <= 0 {
		l.SmallBytes = SmallBytesDefault
	}
	l.MessageBytes = min(l.MessageBytes, MessageBytesMax)
	return l
}
