package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/keyset"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
)

func keysCommand(g *globals) *cobra.Command {
	return group("keys", "Make, list and rotate keysets", "  portcullis keys init -c portcullis.yaml", &cobra.Command{
		Use:     "init",
		Short:   "Make the local key file and the keysets that the configuration names, where they are missing",
		Example: "  portcullis keys init -c portcullis.yaml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := g.load()
			if err != nil {
				return err
			}
			return initKeys(cmd.Context(), c, cmd.OutOrStdout())
		},
	}, &cobra.Command{
		Use:     "list",
		Short:   "List the keysets of the key store with their generations and keys",
		Example: "  portcullis keys list -c portcullis.yaml --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listKeys(cmd, g) },
	}, &cobra.Command{
		Use:     "rotate KEYSET",
		Short:   "Make a new AEAD key primary; values sealed with older keys stay readable",
		Example: "  portcullis keys rotate pii -c portcullis.yaml",
		Args:    exactly(1, "the name of a keyset"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := g.load()
			if err != nil {
				return err
			}
			k, s, err := openKeys(c)
			if err != nil {
				return err
			}
			rotated, err := keyset.Rotate(cmd.Context(), k, s, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "keyset %q is now at generation %d; running gateways take it up when they reload\n",
				args[0], rotated.Generation())
			return nil
		},
	})
}

func initKeys(ctx context.Context, c *config.Config, out io.Writer) error {
	if c.Keys.KEK == nil || c.Keys.Store == nil {
		return errors.New("keys.kek and keys.store are not configured")
	}
	for _, path := range []string{filepath.Dir(c.Keys.KEK.Path), filepath.Dir(c.Keys.Store.Path)} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	switch err := file.Create(c.Keys.KEK.Path, rand.Reader); {
	case errors.Is(err, file.ErrExists):
		fmt.Fprintf(out, "key file %s exists\n", c.Keys.KEK.Path)
	case err != nil:
		return err
	default:
		fmt.Fprintf(out, "made key file %s\n", c.Keys.KEK.Path)
	}
	if _, err := folder.Create(c.Keys.Store.Path); err != nil {
		return err
	}
	k, s, err := openKeys(c)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys.Keysets)) {
		_, err := keyset.Create(ctx, k, s, name)
		switch {
		case errors.Is(err, keyset.ErrExists):
			fmt.Fprintf(out, "keyset %q exists\n", name)
		case err != nil:
			return err
		default:
			fmt.Fprintf(out, "made keyset %q\n", name)
		}
	}
	return nil
}

func openKeys(c *config.Config) (*file.KEK, *folder.Store, error) {
	if c.Keys.KEK == nil || c.Keys.Store == nil {
		return nil, nil, errors.New("keys.kek and keys.store are not configured")
	}
	k, err := file.Open(c.Keys.KEK.Path)
	if err != nil {
		return nil, nil, err
	}
	s, err := folder.Open(c.Keys.Store.Path)
	return k, s, err
}

func listKeys(cmd *cobra.Command, g *globals) error {
	asJSON, err := g.json()
	if err != nil {
		return err
	}
	c, _, err := g.load()
	if err != nil {
		return err
	}
	k, s, err := openKeys(c)
	if err != nil {
		return err
	}
	names, err := s.List(cmd.Context())
	if err != nil {
		return err
	}
	all := []listedKeyset{}
	for _, name := range names {
		ks, err := keyset.Open(cmd.Context(), k, s, name)
		if err != nil {
			return fmt.Errorf("keyset %q: %w", name, err)
		}
		all = append(all, listKeyset(ks.Info()))
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), all)
	}
	for _, l := range all {
		fmt.Fprintf(cmd.OutOrStdout(), "%-16s generation %d\n", l.Name, l.Generation)
		for _, key := range l.Keys {
			fmt.Fprintln(cmd.OutOrStdout(), key)
		}
	}
	return nil
}

// listedKeyset is what keys list shows of a keyset, listedKey of one of its keys.
type listedKeyset struct {
	Name       string      `json:"name"`
	Generation uint64      `json:"generation"`
	Keys       []listedKey `json:"keys"`
}

type listedKey struct {
	Purpose string `json:"purpose"`
	ID      uint32 `json:"id"`
	Primary bool   `json:"primary"`
	Status  string `json:"status"`
}

func listKeyset(info keyset.Info) listedKeyset {
	l := listedKeyset{Name: info.Name, Generation: info.Generation}
	for _, key := range info.Keys {
		l.Keys = append(l.Keys, listedKey(key))
	}
	return l
}

// String is the key's line for people.
func (k listedKey) String() string {
	text := fmt.Sprintf("  %-6s %08x %s", k.Purpose, k.ID, strings.ToLower(k.Status))
	if k.Primary {
		text += ", primary"
	}
	return text
}
