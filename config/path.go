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

// withoutOperation rewords "open /a/b: no such file or directory" as "/a/b: no such file or directory".
func withoutOperation(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return fmt.Errorf("%s: %w", pathError.Path, pathError.Err)
	}
	return err
}
