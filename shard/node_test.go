package shard

import (
	"errors"
	"slices"
	"testing"

	"github.com/portcullisdb/portcullis/shard/inline"
)

func TestExpandNodes(t *testing.T) {
	got, err := ExpandNodes("ds_0.customers_${0..1},ds_1.customers_${2..3}")
	want := []Node{{"ds_0", "customers_0"}, {"ds_0", "customers_1"}, {"ds_1", "customers_2"}, {"ds_1", "customers_3"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got[0].String() != "ds_0.customers_0" {
		t.Errorf("got %s", got[0])
	}
}

func TestExpandNodesRefuses(t *testing.T) {
	for expr, want := range map[string]string{
		"":                        "expression does not list nodes: it gives no name",
		"ds_${[]}.t":              "expression does not list nodes: it gives no name",
		"customers_${0..1}":       `expression does not list nodes: "customers_0" is not of the form datasource.table`,
		"ds_0.public.t":           `expression does not list nodes: "ds_0.public.t" is not of the form datasource.table`,
		"ds_0.,ds_1.t":            `expression does not list nodes: "ds_0." is not of the form datasource.table`,
		".t":                      `expression does not list nodes: ".t" is not of the form datasource.table`,
		"ds_0. t":                 `expression does not list nodes: "ds_0. t" is not of the form datasource.table`,
		"ds_${0}.t,,ds_1.t":       `expression does not list nodes: "" is not of the form datasource.table`,
		"ds_0.t_${1..2},ds_0.t_2": `expression does not list nodes: "ds_0.t_2" stands twice`,
		"ds_0.t_${0..999999999}":  "character 11: the range has more than 100000 elements",
		"ds_0.t_${id % 4}":        `character 10: the name "id" is not understood`,
		"ds_0.t\x00_${0..1}":      `expression does not list nodes: "ds_0.t\x00_0" is not of the form datasource.table`,
		"ds_0.t_${0..1}.${0..1}":  `expression does not list nodes: "ds_0.t_0.0" is not of the form datasource.table`,
	} {
		nodes, err := ExpandNodes(expr)
		if errorText(err) != want {
			t.Errorf("%s: got %v, %v", expr, nodes, err)
		}
		var place *inline.Error
		if errors.Is(err, ErrNodes) == errors.As(err, &place) {
			t.Errorf("%s: the error is neither ErrNodes nor has a place", expr)
		}
	}
}
