package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// StartStandby makes a standby that streams from c (pg_basebackup), and returns when it answers queries. It has c's roles and
// passwords. SELECT pg_promote() makes a primary of it. The caller owns it and calls Stop.
func (c *Cluster) StartStandby(ctx context.Context) (*Cluster, error) {
	folder, err := newFolder()
	if err != nil {
		return nil, fmt.Errorf("make the standby's folder: %w", err)
	}
	standby := &Cluster{Binaries: c.Binaries, folder: folder, password: c.password}
	for i := 0; i < len(c.settings); i += 2 { // pairs of -c and name=value
		setting := c.settings[i+1]
		if strings.HasPrefix(setting, "unix_socket_directories=") {
			setting = "unix_socket_directories=" + folder.path
		}
		standby.settings = append(standby.settings, c.settings[i], setting)
	}
	err = run(ctx, folder.command(c.Binaries.Path("pg_basebackup"), "--pgdata", standby.dataDir(), "--dbname", c.URL("postgres"),
		"--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync"))
	if err == nil {
		err = standby.startOnFreePort(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a standby: %w", err), folder.remove())
	}
	return standby, nil
}
