package session

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/portcullisdb/portcullis/gateway/pool"
)

// welcomes keeps what servers have told of themselves to sessions of transaction mode, by the settings that the sessions
// began with, and makes equal settings one snapshot. So a login needs no server, unless it is the first of its kind. The
// zero welcomes is ready; it may be used concurrently.
type welcomes struct {
	mu      sync.Mutex
	entries map[string]*welcomeEntry
}

type welcomeEntry struct {
	settings   *pool.Settings
	parameters []pool.Parameter // nil: not known yet
}

// welcomesMax is the number of different settings that are kept. When there are more, all are forgotten.
const welcomesMax = 1024

// share returns the snapshot that holds values, which it takes over.
func (w *welcomes) share(values map[string]string) *pool.Settings {
	key := settingsKey(values)
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.entries[key]; e != nil {
		return e.settings
	}
	if w.entries == nil || len(w.entries) >= welcomesMax {
		w.entries = map[string]*welcomeEntry{}
	}
	settings := &pool.Settings{Values: values}
	w.entries[key] = &welcomeEntry{settings: settings}
	return settings
}

// find returns what a server has told to a session with these settings; nil if none has been asked yet.
func (w *welcomes) find(settings *pool.Settings) []pool.Parameter {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.entries[settingsKey(settings.Values)]; e != nil {
		return e.parameters
	}
	return nil
}

// keep takes note of what a server has told.
func (w *welcomes) keep(settings *pool.Settings, parameters []pool.Parameter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.entries[settingsKey(settings.Values)]; e != nil {
		e.parameters = parameters
	}
}

func settingsKey(values map[string]string) string {
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key.WriteString(name)
		key.WriteByte(0)
		key.WriteString(values[name])
		key.WriteByte(0)
	}
	return key.String()
}
