package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"github.com/portcullisdb/portcullis/config/policy"
)

// Options say where a configuration is.
type Options struct {
	// Path of the file. Relative paths in it begin at its folder.
	Path string
	// Environ is the environment as os.Environ gives it. Variables whose names begin with PORTCULLIS_ override the file,
	// and "env:NAME" is looked up in it.
	Environ []string
	// Overrides come from flags and win over the environment.
	Overrides []Override
}

// Override is one value that a flag gives.
type Override struct {
	Flag  string // "--listen", for messages
	Key   string // "listen.address", "databases.shop.logical"
	Value string
}

// Load reads a configuration. The error is Errors: all mistakes that can be seen without knowing algorithms, masks and
// types; those wait for Compile.
func Load(o Options) (*Config, error) {
	var found problems
	c := load(o, &found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Open loads and compiles. The error is Errors and holds the mistakes that either finds; where a mistake of the first kind
// leaves a block without meaning, those that would follow from it are left out.
func Open(o Options, v Validators) (*Config, *policy.Policy, error) {
	var found problems
	c := load(o, &found)
	compiled := compile(c, v, &found)
	if err := found.err(); err != nil {
		return nil, nil, err
	}
	return c, compiled, nil
}

// load always returns a configuration, as far as it could be read.
func load(o Options, found *problems) *Config {
	c := &Config{Path: o.Path}
	data, ok := readFile(o.Path, found)
	if !ok {
		c.broken = true
		return c
	}
	before := len(found.list)
	tree := merge(o, data, found)
	syntax := len(found.list) > before
	d := decoder{problems: found, files: pathResolver{folder(o.Path)}, lookupEnv: lookupIn(o.Environ)}
	if len(tree.keys) == 0 && syntax {
		c.broken = true // there is nothing to look at
		return c
	}
	d.block(tree, reflect.ValueOf(c).Elem(), "")
	c.broken = c.broken || syntax
	c.fillDefaults()
	check(c, found)
	return c
}

func readFile(path string, found *problems) (data []byte, ok bool) {
	file, err := os.Open(path)
	if err != nil {
		var pathError interface{ Unwrap() error }
		if errors.As(err, &pathError) {
			err = pathError.Unwrap()
		}
		found.addCause(Position{File: path}, "read configuration", err, "")
		return nil, false
	}
	defer file.Close()
	data, err = io.ReadAll(io.LimitReader(file, fileBytesMax+1))
	if err != nil {
		found.addCause(Position{File: path}, "read configuration", errors.Unwrap(err), "")
		return nil, false
	}
	return data, true
}

// merge lays the environment and the flags over the file.
func merge(o Options, data []byte, found *problems) *node {
	from := origins{}
	k := koanf.New(delimiter)
	file := &parser{file: o.Path, origins: from, problems: found}
	// The parser reports to found and the others have nothing to fail at: an error here is a broken invariant.
	must(k.Load(document(data), file))
	names := resolver{tree: k.Raw(), origins: from}
	must(k.Load(env.Provider(delimiter, environment(o.Environ, names, found)), nil))
	must(k.Load(confmap.Provider(overrides(o.Overrides, names, found), delimiter), nil))
	root := from.node(k.Raw(), "")
	if root.at == (Position{}) {
		root.at = Position{File: o.Path}
	}
	return root
}

func must(err error) {
	if err != nil {
		panic("config: internal error: " + err.Error())
	}
}

// document is the koanf provider of bytes that have been read.
type document []byte

// ReadBytes returns the bytes for a parser.
func (d document) ReadBytes() ([]byte, error) { return d, nil }

// Read is not supported: a document needs a parser.
func (d document) Read() (map[string]any, error) { return nil, errors.ErrUnsupported }

// folder returns the absolute folder of the file.
func folder(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return filepath.Dir(path)
	}
	return filepath.Dir(absolute)
}

func lookupIn(environ []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, entry := range environ {
			if key, value, ok := strings.Cut(entry, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
}

// fillDefaults derives the values whose defaults depend on others.
func (c *Config) fillDefaults() {
	for i := range c.HBA {
		if r := &c.HBA[i]; r.Method == "cert" && !r.written("type") {
			r.Type = "hostssl"
		}
	}
	if l := &c.Limits; !l.written("logins_per_address") {
		l.LoginsPerAddress = min(l.LoginsPerAddress, l.Logins)
	}
	if f := c.Audit.File; f != nil && f.Path != "" {
		if f.Key == "" {
			f.Key = f.Path + ".key"
		}
		if f.Anchors == "" {
			f.Anchors = f.Path + ".anchors"
		}
	}
}
