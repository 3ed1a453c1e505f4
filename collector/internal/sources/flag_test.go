// Flags: what is read, and what the errors say.

package sources_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

func TestParseFlag(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]D{
		"name=Shop,type=website,key=abc,disabled": {Name: "Shop", Type: "website", Key: "abc", Disabled: true},
		" name = Shop , type = HTTP API ":         {Name: "Shop", Type: "http-api"},
		`name=Shop\, the big one\\,type=website`:  {Name: `Shop, the big one\`, Type: "website"},
		"key=a=b,disabled=false,id=shop":          {ID: "shop", Key: "a=b"},
		"id=shop,deleted=true":                    {ID: "shop", Deleted: true},
		"deleted,id=shop,disabled=TRUE":           {ID: "shop", Deleted: true, Disabled: true},
		"name=магазин":                            {Name: "магазин"},
	} {
		got, err := sources.ParseFlag(flag)
		require.NoError(t, err, flag)
		require.Equal(t, want, got, flag)
	}
}

func TestParseFlagErrors(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"":                                 "part 1 is none of id=…, name=…",
		"name=Shop,":                       "part 2 is none of",
		"name=Shop,SECRETKEY":              "part 2 is none of",
		"name=Shop,SECRETKEY==":            "part 2 is none of",
		"Name=Shop":                        "part 1 is none of",
		"name=Shop,name=Shop":              "name is given twice",
		"name=Shop,type=tv":                "type is not one of website, mobile",
		"name=":                            "name has no value",
		"name=Shop,key":                    "key has no value; write key=…",
		"name=Shop,key=SECRET:KEY":         "key has a space, a colon",
		"id=My shop":                       "id has something other than",
		"name=Shop,disabled=maybe":         "disabled stands alone or is true or false",
		"name=Shop,deleted=":               "deleted stands alone",
		"type=website":                     "name is missing, and so are id and key",
		`name=Shop\`:                       "ends with a backslash",
		"name=" + strings.Repeat("x", 101): "name is longer than 100 characters",
	} {
		_, err := sources.ParseFlag(flag)
		require.ErrorContains(t, err, want, flag)
		require.NotContains(t, err.Error(), "SECRET")
	}
}

func FuzzParseFlag(f *testing.F) {
	for _, flag := range []string{"name=Shop,type=website,key=abc,disabled", `name=a\,b\\,id=a-b`, "deleted=0,key==", `\`, ",", "id=é"} {
		f.Add(flag)
	}
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`)
	f.Fuzz(func(t *testing.T, flag string) {
		d, err := sources.ParseFlag(flag)
		if err != nil {
			require.Equal(t, D{}, d)
			return
		}
		require.True(t, utf8.ValidString(d.Name))
		// Written out again it reads as the same.
		var parts []string
		for _, one := range []struct{ field, value string }{{"id", d.ID}, {"name", d.Name}, {"type", string(d.Type)}, {"key", d.Key}} {
			if one.value != "" {
				parts = append(parts, one.field+"="+escape.Replace(one.value))
			}
		}
		if d.Disabled {
			parts = append(parts, "disabled")
		}
		if d.Deleted {
			parts = append(parts, "deleted")
		}
		again, err := sources.ParseFlag(strings.Join(parts, ","))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}
