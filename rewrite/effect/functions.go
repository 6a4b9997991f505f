package effect

import (
	_ "embed"
	"strings"
)

// functionsText holds the names of the functions of PostgreSQL's pg_catalog that are not volatile under any signature, one on
// a line; trigger functions and those that only the server itself can call are left out:
//
//	SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a', 'w')
//	GROUP BY proname HAVING bool_and(provolatile <> 'v') AND ...
//
// What is not volatile changes nothing. A test compares the names with the server that runs it.
//
//go:embed functions.txt
var functionsText string

// volatileText are volatile functions of pg_catalog that leave nothing on their connection behind the end of their transaction.
const volatileText = `clock_timestamp current_query gen_random_uuid lo_close lo_creat lo_create lo_from_bytea lo_get lo_lseek
lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate lo_truncate64 lo_unlink loread lowrite nextval pg_advisory_xact_lock
pg_advisory_xact_lock_shared pg_blocking_pids pg_cancel_backend pg_column_size pg_current_wal_flush_lsn
pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_export_snapshot pg_indexes_size pg_is_in_recovery
pg_is_wal_replay_paused pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
pg_lock_status pg_notify pg_partition_ancestors pg_partition_tree pg_relation_size pg_sequence_last_value pg_sleep
pg_sleep_for pg_sleep_until pg_table_size pg_tablespace_size pg_terminate_backend pg_total_relation_size
pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_xact_commit_timestamp pg_xact_status random setval timeofday
txid_status bernoulli system`

// keywordsText holds the keywords of PostgreSQL 15 to 18 with their categories as pg_get_keywords tells them: U can name
// anything, C can name no function, T can, R can name nothing.
//
//go:embed keywords.txt
var keywordsText string

// names are those that harmless knows: keywords that can be no function of a user's among them.
var names = func() map[string]struct{} {
	known := make(map[string]struct{}, 3000)
	for _, text := range []string{functionsText, volatileText} {
		for _, name := range strings.Fields(text) {
			known[name] = struct{}{}
		}
	}
	for word, category := range keywords {
		if category != 'U' {
			known[word] = struct{}{}
		}
	}
	return known
}()

var keywords = func() map[string]byte {
	known := make(map[string]byte, 500)
	for line := range strings.Lines(keywordsText) {
		if word, category, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			known[word] = category[0]
		}
	}
	return known
}()

// keyword reports whether a word is one: then an expression may follow it, and else only an alias has a bracket after it.
func keyword(word []byte) bool { return keywords[string(word)] != 0 }

// harmless reports whether a name before a bracket is known to leave nothing behind.
func harmless(name []byte) bool {
	_, ok := names[string(name)]
	return ok
}
