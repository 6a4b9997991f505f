package main

import (
	"fmt"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/masking"
	"github.com/portcullisdb/portcullis/shard"
)

// validators is the one place where a configuration meets the packages that know algorithms, masks and types.
func validators() config.Validators {
	return config.Validators{
		ExpandNodes: func(expr string) ([]policy.Node, error) {
			nodes, err := shard.ExpandNodes(expr)
			out := make([]policy.Node, len(nodes))
			for i, n := range nodes {
				out[i] = policy.Node{Datasource: n.Datasource, Table: n.Table}
			}
			return out, err
		},
		Algorithm: func(typ string, props map[string]string, logicTable string, targets []string) error {
			a, err := shard.New(typ, props)
			if err != nil {
				return err
			}
			return shard.Check(a, logicTable, targets)
		},
		KeyGenerator: func(typ string, props map[string]string) error {
			_, err := shard.NewKeyGenerator(typ, props, nil)
			return err
		},
		Mask: func(typ string, props map[string]string, onUnmaskable, columnType string) error {
			m, err := masking.New(typ, props, maskingOptions(onUnmaskable))
			if err != nil {
				return err
			}
			kind := masking.Other
			if t, err := datum.ParseType(columnType); err == nil && t.Text() {
				kind = masking.Text
			}
			if !m.Supports(kind) {
				return fmt.Errorf("mask %s works on text, not on %s", typ, columnType)
			}
			return nil
		},
		TypeClass: func(name string) string {
			t, err := datum.ParseType(name)
			if err != nil {
				return ""
			}
			return t.Class()
		},
		ColumnType: func(name string, equality, casefold, trim bool) error {
			t, err := datum.ParseType(name)
			if err != nil {
				return err
			}
			if equality && t.Class() == "" {
				return fmt.Errorf("type %s has no equality; jsonb has", name)
			}
			if (casefold || trim) && !t.Text() {
				return fmt.Errorf("casefold and trim mean something for text only, not for %s", name)
			}
			return nil
		},
	}
}

func maskingOptions(onUnmaskable string) masking.Options {
	if onUnmaskable == "shardingsphere" {
		return masking.Options{OnUnmaskable: masking.ShardingSphere}
	}
	return masking.Options{}
}
