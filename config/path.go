package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// pathResolver makes relative paths absolute by the folder of the configuration file.
type pathResolver struct{ folder string }

func (r pathResolver) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.folder, path)
}

// fileError rewords "open /a/b: no such file or directory" with the path as it was written.
func fileError(written string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", written, err)
}
