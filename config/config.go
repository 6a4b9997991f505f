package config

import "time"

// Config is a configuration as it was written, with defaults filled in, references to secrets resolved and relative paths
// made absolute by the folder of the file. Blocks embed their positions: At.
type Config struct {
	block
	Path       string // of the file, as it was given to Load
	Production bool   `key:"production" default:"false"`
	Listen     Listen `key:"listen"`
	// Users are the logins of the gateway in written order, with unique names.
	Users     []User      `key:"users,required"`
	Keys      Keys        `key:"keys"`
	Databases []*Database `key:"databases,required"`
	Audit     Audit       `key:"audit"`
	Limits    Limits      `key:"limits"`
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
	TLS     *TLS   `key:"tls"`                              // nil: SSLRequest is answered 'N'
}

// TLS names PEM files.
type TLS struct {
	block
	Cert     string `key:"cert,required" path:"file"`
	Key      string `key:"key,required" path:"file"`
	ClientCA string `key:"client_ca" path:"file"` // "" or the authorities of client certificates, which are then required
}

// User is one login.
type User struct {
	block
	Name     string   `key:"name,required"`
	Verifier Secret   `key:"verifier,required"` // PostgreSQL's stored form: SCRAM-SHA-256$...
	Roles    []string `key:"roles"`
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
	Name        string       `name:"database"`
	Logical     Secret       `key:"logical,required" url:"postgres"` // of the role that sessions describe statements with
	Owner       Secret       `key:"owner" url:"postgres"`            // of a role that may change the logical database
	Datasources []Datasource `key:"datasources,required"`            // in written order
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

// Pool bounds the connections to a datasource.
type Pool struct {
	block
	Max int `key:"max" default:"20" min:"1" max:"10000"`
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
	PreparedStatements int           `key:"prepared_statements" default:"1000" min:"1" max:"100000"` // of one session
	Portals            int           `key:"portals" default:"100" min:"1" max:"10000"`               // of one session
	ServerStatements   int           `key:"server_statements" default:"256" min:"1" max:"10000"`     // of one server connection
	Plans              int           `key:"plans" default:"4096" min:"1" max:"1000000"`              // kept in the cache
	MergeBytes         int           `key:"merge_bytes" default:"64MB" min:"64kB" max:"16GB" unit:"bytes"`
}
