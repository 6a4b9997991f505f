package config

import (
	"io/fs"
	"time"
)

// Config is a configuration as it was written, with defaults filled in, references to secrets resolved and relative paths
// made absolute by the folder of the file. Blocks embed their positions: At.
type Config struct {
	block
	Path       string // of the file, as it was given to Load
	Production bool   `key:"production" default:"false"`
	Listen     Listen `key:"listen"`
	Admin      *Admin `key:"admin"` // nil: no listener of administration
	// Users are the logins of the gateway in written order, with unique names. They may be absent if a database has an
	// AuthQuery.
	Users []User `key:"users"`
	// HBA decides who may log in how: the first rule that fits. Empty: everybody by scram-sha-256.
	HBA       []HBA                `key:"hba"`
	CertMaps  map[string][]CertMap `key:"cert_maps"`
	Keys      Keys                 `key:"keys"`
	Databases []*Database          `key:"databases,required"`
	Audit     Audit                `key:"audit"`
	Log       Log                  `key:"log"`
	Timeouts  Timeouts             `key:"timeouts"`
	Limits    Limits               `key:"limits"`
}

// Database returns the database of this name, nil if there is none.
func (c *Config) Database(name string) *Database {
	for _, d := range c.Databases {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// User returns the user of this name, nil if there is none.
func (c *Config) User(name string) *User {
	for i := range c.Users {
		if c.Users[i].Name == name {
			return &c.Users[i]
		}
	}
	return nil
}

// Listen is where clients connect.
type Listen struct {
	block
	Address string `key:"address" default:"127.0.0.1:6432"` // host:port; port 0 is any free one
	Unix    *Unix  `key:"unix"`                             // nil: no Unix socket
	TLS     *TLS   `key:"tls"`                              // nil: SSLRequest is answered 'N'
}

// Unix is a Unix socket beside the TCP one: PostgreSQL's unix_socket_directories and unix_socket_permissions.
type Unix struct {
	block
	// Path is a folder that exists. The socket in it is .s.PGSQL.PORT, with the port of Listen.Address, as libpq expects.
	Path string `key:"path,required" path:"any"`
	Mode string `key:"mode" default:"0777"` // octal; FileMode reads it
}

// FileMode returns the permission bits of the socket.
func (u *Unix) FileMode() fs.FileMode {
	mode, _ := parseMode(u.Mode)
	return mode
}

// TLS names PEM files.
type TLS struct {
	block
	Cert       string `key:"cert,required" path:"file"`
	Key        string `key:"key,required" path:"file"`
	ClientCA   string `key:"client_ca" path:"file"` // "" or the authorities of client certificates
	ClientCert string `key:"client_cert" default:"require" oneof:"require,optional"`
	Require    bool   `key:"require" default:"false"` // clients over TCP without TLS are refused
}

// Admin is the listener of administration: /livez, /readyz and /metrics over HTTP.
type Admin struct {
	block
	Address string `key:"address" default:"127.0.0.1:9187"` // host:port; port 0 is any free one
}

// User is one login.
type User struct {
	block
	Name     string    `key:"name,required"`
	Verifier Secret    `key:"verifier"` // PostgreSQL's stored form: SCRAM-SHA-256$...; empty: by certificate only
	Roles    []string  `key:"roles"`
	Pool     *UserPool `key:"pool"` // nil: as the database says
}

// UserPool is what a user has of his own in the pools of transparent databases.
type UserPool struct {
	block
	Mode string `key:"mode" oneof:"session,transaction"`    // "": the database's
	Max  int    `key:"max" default:"0" min:"0" max:"10000"` // server connections of each datasource; 0: no limit of its own
}

// HBA is one rule of who may log in how, after PostgreSQL's pg_hba.conf. A list that is empty, or holds "all", fits all.
type HBA struct {
	block
	// Type is how the client came: "local" by Unix socket, "host" by TCP, "hostssl" with TLS, "hostnossl" without. A rule
	// of method cert that says nothing of it is of type hostssl.
	Type      string   `key:"type" default:"any" oneof:"any,local,host,hostssl,hostnossl"`
	Users     []string `key:"users"` // names; "+role": users that have the role
	Databases []string `key:"databases"`
	Networks  []string `key:"networks"` // CIDR
	Method    string   `key:"method,required" oneof:"scram-sha-256,cert,reject"`
	Map       string   `key:"map"` // of method cert: a name of Config.CertMaps; "": the CN is the user
}

// CertMap lets the holder of a certificate log in as a user, after PostgreSQL's pg_ident.conf.
type CertMap struct {
	block
	// Certificate is "CN=alice", "DNS=*.svc", "EMAIL=...", "URI=...", or "/regexp/" over a name written so.
	Certificate string `key:"certificate,required"`
	User        string `key:"user,required"` // \1 is the first group of the regular expression
}

// Keys says where keysets are and what wraps them.
type Keys struct {
	block
	KEK     *KEK              `key:"kek"`
	Store   *Store            `key:"store"`
	Keysets map[string]Keyset `key:"keysets"`
}

// KEK is the key-encryption key.
type KEK struct {
	block
	Type string `key:"type,required" oneof:"file" later:"vault-transit"`
	Path string `key:"path,required" path:"any"`
}

// Store is where wrapped keysets lie.
type Store struct {
	block
	Type string `key:"type,required" oneof:"folder" later:"table,vault-kv"`
	Path string `key:"path,required" path:"any"`
}

// Keyset is one keyset of the store.
type Keyset struct {
	block
	AEAD string `key:"aead" default:"AES256_GCM" oneof:"AES256_GCM" later:"AES256_GCM_SIV,AES256_SIV"`
}

// Database is one logical database and what lies behind it.
type Database struct {
	block
	Name string `name:"database"`
	// Logical is of the role that sessions describe statements with. Only a database without tables may do without.
	Logical     Secret       `key:"logical" url:"postgres"`
	Owner       Secret       `key:"owner" url:"postgres"` // of a role that may change the logical database
	Datasources []Datasource `key:"datasources,required"` // in written order
	Pool        DatabasePool `key:"pool"`
	AuthQuery   *AuthQuery   `key:"auth_query"` // nil: all users are those of the file
	Algorithms  []Algorithm  `key:"algorithms"`
	Tables      []*Table     `key:"tables"`
	Binding     [][]string   `key:"binding"` // groups of table keys
	Schema      string       `key:"schema" path:"file"`
	Seed        string       `key:"seed" path:"file"`
	Policies    []*Rule      `key:"policies"`
}

// Datasource is one physical database.
type Datasource struct {
	block
	Name  string `name:"datasource"`
	URL   Secret `key:"url,required" url:"postgres"`
	Owner Secret `key:"owner" url:"postgres"` // of a role that may change it; empty if schema apply is not used
	Pool  Pool   `key:"pool"`
}

// DatabasePool says how sessions of a database use server connections. Protected databases are always served by
// transaction.
type DatabasePool struct {
	block
	Mode         string `key:"mode" default:"session" oneof:"session,transaction"`
	SessionState string `key:"session_state" default:"pin" oneof:"pin,refuse"`
	Identity     string `key:"identity" default:"service" oneof:"service,set-role,client-keys"`
}

// AuthQuery finds users that the file does not have.
type AuthQuery struct {
	block
	URL Secret `key:"url,required" url:"postgres"`
	// Query has one parameter, the user's name, and gives a row of name and verifier for a user that there is.
	Query string        `key:"query,required"`
	Roles []string      `key:"roles"` // that users found so have
	Cache time.Duration `key:"cache" default:"30s" min:"0s" max:"1h"`
}

// Pool bounds the connections to a datasource.
type Pool struct {
	block
	Max          int           `key:"max" default:"20" min:"1" max:"10000"`
	Min          int           `key:"min" default:"0" min:"0" max:"10000"`
	Reserve      int           `key:"reserve" default:"0" min:"0" max:"10000"` // beyond Max, for those that wait ReserveAfter
	ReserveAfter time.Duration `key:"reserve_after" default:"5s" min:"0s" max:"1h"`
	Wait         time.Duration `key:"wait" default:"10s" min:"10ms" max:"1h"`
	Life         time.Duration `key:"life" default:"1h" min:"1s" max:"720h"`
	Idle         time.Duration `key:"idle" default:"10m" min:"1s" max:"720h"`
	CheckAfter   time.Duration `key:"check_after" default:"30s" min:"100ms" max:"24h"`
	Connect      time.Duration `key:"connect" default:"10s" min:"100ms" max:"10m"`
	BackoffMin   time.Duration `key:"backoff_min" default:"100ms" min:"1ms" max:"1h"`
	BackoffMax   time.Duration `key:"backoff_max" default:"15s" min:"1ms" max:"1h"`
}

// Algorithm is a sharding algorithm with its properties.
type Algorithm struct {
	block
	Name  string            `name:"algorithm"`
	Type  string            `key:"type,required"`
	Props map[string]string `key:"props"`
}

// Table is one logical table: sharded (Nodes and Shard), broadcast, or single.
type Table struct {
	block
	Key        string    `name:"table"` // as written: "customers", "schema.table"
	Nodes      string    `key:"nodes"`  // node expression
	Datasource string    `key:"datasource"`
	Shard      *Shard    `key:"shard"`
	Generator  *Key      `key:"key"`
	Broadcast  bool      `key:"broadcast" default:"false"`
	Columns    []*Column `key:"columns"`
}

// Shard says which column places a row.
type Shard struct {
	block
	Column    string   `key:"column,required"`
	Algorithm string   `key:"algorithm,required"` // a name of Database.Algorithms
	_         struct{} `key:"database" refused:"two-level sharding is not supported yet" hint:"write shard: {column: ..., algorithm: ...}"`
	_         struct{} `key:"table" refused:"two-level sharding is not supported yet" hint:"write shard: {column: ..., algorithm: ...}"`
}

// Key fills a column that an INSERT leaves out.
type Key struct {
	block
	Column    string            `key:"column,required"`
	Generator string            `key:"generator,required"`
	Props     map[string]string `key:"props"`
}

// Column is a column that is encrypted or that policies speak of.
type Column struct {
	block
	Name    string   `name:"column"`
	Type    string   `key:"type,required"` // logical type: "text", "varchar(40)", "numeric(12,2)"
	Tags    []string `key:"tags"`
	Encrypt *Encrypt `key:"encrypt"`
}

// Encrypt says how a column is sealed.
type Encrypt struct {
	block
	Keyset   string   `key:"keyset,required"`
	Search   []string `key:"search" oneof:"equality" later:"match,order"`
	Domain   string   `key:"domain"`
	Casefold bool     `key:"casefold" default:"false"`
	Trim     bool     `key:"trim" default:"false"`
	_        struct{} `key:"deterministic" refused:"deterministic encryption is not supported yet"`
	_        struct{} `key:"bind_row" refused:"binding values to their row is not supported yet"`
}

// Rule is one rule of a database's policies.
type Rule struct {
	block
	Columns    []string `key:"columns"`
	Tags       []string `key:"tags"`
	Roles      []string `key:"roles"`
	Reveal     *bool    `key:"reveal"`
	Mask       *Mask    `key:"mask"`
	Deny       *bool    `key:"deny"`
	Predicates []string `key:"predicates" oneof:"eq,in,null,range,like"`
	Write      *bool    `key:"write"`
}

// Mask is a mask with its properties.
type Mask struct {
	block
	Type         string            `key:"type,required"`
	Props        map[string]string `key:"props"`
	OnUnmaskable string            `key:"on_unmaskable" default:"hide" oneof:"hide,shardingsphere"`
}

// Audit says what is recorded and where.
type Audit struct {
	block
	File   *AuditFile `key:"file"` // nil: nothing is recorded
	All    bool       `key:"all" default:"false"`
	OnFull string     `key:"on_full" default:"block" oneof:"block,gap"`
}

// AuditFile is a log of JSON lines.
type AuditFile struct {
	block
	Path string `key:"path,required" path:"any"`
	// Key is the Ed25519 signing key, PKCS #8 in PEM; Load makes it Path + ".key" if it is not written.
	Key string `key:"key" path:"any"`
	// Anchors is the file of anchors; Load makes it Path + ".anchors" if it is not written.
	Anchors string `key:"anchors" path:"any"`
	Sync    bool   `key:"sync" default:"true"` // each batch is forced to the disk before its statements go on
}

// Log says what the process writes to standard error.
type Log struct {
	block
	Level  string `key:"level" default:"info" oneof:"debug,info,warn,error"`
	Format string `key:"format" default:"text" oneof:"text,json"`
}

// Timeouts end what takes too long. Zero is never, but for Drain.
type Timeouts struct {
	block
	Query             time.Duration `key:"query" default:"0s" min:"0s" max:"24h"`
	IdleInTransaction time.Duration `key:"idle_in_transaction" default:"0s" min:"0s" max:"24h"`
	IdleClient        time.Duration `key:"idle_client" default:"0s" min:"0s" max:"720h"`
	// Drain is how long transactions may go on after the gateway was told to stop; zero cuts them off at once.
	Drain time.Duration `key:"drain" default:"30s" min:"0s" max:"24h"`
	// KeepAlive is TCP's keep-alive on sockets of clients and servers, time and interval: a peer that does not answer is
	// given up after about three.
	KeepAlive time.Duration `key:"keep_alive" default:"30s" min:"0s" max:"2h"`
}

// Limits bound what clients can make the gateway hold or do. Sizes are in bytes.
type Limits struct {
	block
	StartupBytes       int           `key:"startup_bytes" default:"10000" min:"1000" max:"10000" unit:"bytes"`
	StartupTime        time.Duration `key:"startup_time" default:"10s" min:"1s" max:"10m"`
	MessageBytes       int           `key:"message_bytes" default:"64MB" min:"64kB" max:"1073741822" unit:"bytes"`
	StatementBytes     int           `key:"statement_bytes" default:"16MB" min:"1kB" max:"64MB" unit:"bytes"`
	StatementTokens    int           `key:"statement_tokens" default:"100000" min:"100" max:"1000000"`
	StatementDepth     int           `key:"statement_depth" default:"200" min:"10" max:"300"`
	StatementChain     int           `key:"statement_chain" default:"1000" min:"10" max:"1000"`
	Sessions           int           `key:"sessions" default:"1000" min:"1" max:"100000"`
	PreparedStatements int           `key:"prepared_statements" default:"10000" min:"1" max:"100000"` // of one session
	Portals            int           `key:"portals" default:"100" min:"1" max:"10000"`                // of one session
	ServerStatements   int           `key:"server_statements" default:"256" min:"1" max:"10000"`      // of one server connection
	Plans              int           `key:"plans" default:"4096" min:"1" max:"1000000"`               // kept in the cache
	MergeBytes         int           `key:"merge_bytes" default:"64MB" min:"64kB" max:"16GB" unit:"bytes"`
	CancelsPerSecond   int           `key:"cancels_per_second" default:"200" min:"1" max:"10000"` // from one address
	Logins             int           `key:"logins" default:"64" min:"1" max:"10000"`              // in their handshake at one time
	LoginsPerAddress   int           `key:"logins_per_address" default:"32" min:"1" max:"10000"`  // of them from one address
}
