package wirescript

// The targets of scripts: PostgreSQL, the gateway's protected database, and its transparent ones, in session and in
// transaction mode.
const (
	TargetPostgres    = "postgres"
	TargetPortcullis  = "portcullis"
	TargetSession     = "session"
	TargetTransaction = "transaction"
)

// Targets are all of them, each in the groups that lines of scripts may name.
func Targets() Groups {
	return Groups{
		TargetPostgres:    {TargetPostgres},
		TargetPortcullis:  {TargetPortcullis},
		TargetSession:     {TargetSession},
		TargetTransaction: {TargetTransaction},
		"transparent":     {TargetSession, TargetTransaction},
		"gateway":         {TargetPortcullis, TargetSession, TargetTransaction},
	}
}
