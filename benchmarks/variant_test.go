// Variants: names, and what comes along with those that are chosen.

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func names(list []variant) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

func TestEveryVariantHasItsDriverAndFloor(t *testing.T) {
	list := everything()
	all := names(list)
	seen := make(map[string]bool)
	for _, v := range list {
		require.False(t, seen[v.String()], "%s is there twice", v)
		seen[v.String()] = true
		if v.driver != "" {
			require.Contains(t, all, v.under().String())
			require.Contains(t, all, v.floor+" ×1")
		}
	}
}

func TestChosen(t *testing.T) {
	list := everything()
	require.Equal(t, names(list), names(chosen(list, nil)))
	require.Empty(t, chosen(list, []string{"no such variant"}))
	require.ElementsMatch(t, []string{"driver, map ×8", mapGzip + " ×8", floorGzip + " ×1", "driver, events ×1"},
		names(chosen(list, []string{mapGzip + " ×8"})))
}
