package main

import (
	"io"
	"log/slog"

	"github.com/portcullisdb/portcullis/config"
)

// newLog makes the log of the process. level may be changed later.
func newLog(c *config.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// logLevel returns the level that the configuration names.
func logLevel(c *config.Log) slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}[c.Level]
}
