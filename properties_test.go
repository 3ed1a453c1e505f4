// The typed setters: each makes a map of nil and sets the key the specification reserves.

package analytics_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// reserved keys of the specification, as in its tables.
const (
	propertyKeys = `revenue currency value
		name path referrer search title url keywords
		product_id sku category brand variant price quantity coupon position image_url products
		order_id affiliation subtotal total shipping tax discount repeat checkout_id step shipping_method payment_method
		query list_id filters sorts promotion_id creative cart_id coupon_id coupon_name reason wishlist_id wishlist_name
		share_via share_message recipient review_id review_body rating`
	traitKeys = `address age avatar birthday company createdAt description email firstName gender id lastName name phone title username website
		employees industry plan`
)

// keyOf spells a setter's key: SetOrderID is order_id, or orderId in camel case.
func keyOf(setter string, camel bool) string {
	name := strings.TrimPrefix(setter, "Set")
	for _, initials := range []string{"URL", "SKU", "ID"} {
		name = strings.ReplaceAll(name, initials, initials[:1]+strings.ToLower(initials[1:]))
	}
	var key strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !camel {
			key.WriteByte('_')
		}
		if i == 0 || !camel {
			r = unicode.ToLower(r)
		}
		key.WriteRune(r)
	}
	return key.String()
}

func TestEverySetter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		zero  any
		keys  string
		camel bool
	}{
		{analytics.Properties(nil), propertyKeys, false},
		{analytics.Traits(nil), traitKeys, true},
	} {
		missing := map[string]bool{}
		for key := range strings.FieldsSeq(tc.keys) {
			missing[key] = true
		}
		zero := reflect.ValueOf(tc.zero)
		for i := range zero.NumMethod() {
			name := zero.Type().Method(i).Name
			if name == "Set" || name == "SetProduct" || !strings.HasPrefix(name, "Set") { // those set no one key
				continue
			}
			set := zero.Method(i)
			arg := reflect.New(set.Type().In(0)).Elem()
			var out reflect.Value
			if set.Type().IsVariadic() {
				out = set.CallSlice([]reflect.Value{arg})[0]
			} else {
				out = set.Call([]reflect.Value{arg})[0]
			}
			key := keyOf(name, tc.camel)
			require.Equal(t, 1, out.Len(), name)
			require.Equal(t, arg.Interface(), out.MapIndex(reflect.ValueOf(key)).Interface(), "%s sets %s", name, key)
			require.True(t, missing[key], "%s is not reserved", key)
			delete(missing, key)
		}
		require.Empty(t, missing, "%T has no setter for these", tc.zero)
	}
}

func TestSettersChain(t *testing.T) {
	t.Parallel()
	p := analytics.Properties{"currency": "USD"}
	require.Equal(t, analytics.Properties{"currency": "USD", "revenue": 39.95, "x": 1}, p.SetRevenue(39.95).Set("x", 1))
	require.Len(t, p, 3, "a map that is there is the one that is set")
	require.Equal(t, analytics.Traits{"email": "a@b.co"}, analytics.NewTraits().SetEmail("a@b.co"))
	require.Empty(t, analytics.NewProperties())
}

// What Struct, encoding/json and the encoder's own path make of the small structs is one.
func TestStructsAreWhatTheirTagsSay(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		analytics.Product{ProductID: "1", SKU: "2", Category: "3", Name: "4", Brand: "5", Variant: "6", Price: 7.5, Quantity: 8, Coupon: "9", Position: 10, URL: "11", ImageURL: "12"},
		analytics.Address{City: "1", Country: "2", PostalCode: "3", State: "4", Street: "5"},
		analytics.Company{Name: "1", ID: 2, Industry: "3", EmployeeCount: 1<<31 - 1, Plan: "5"},
		analytics.Refinement{Type: "price", Value: "desc"},
		analytics.Product{}, analytics.Address{}, analytics.Company{},
	} {
		want, err := json.Marshal(map[string]any{"v": v})
		require.NoError(t, err)
		got, err := analytics.Properties{"v": v}.AppendJSON(nil)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

func TestIntegrations(t *testing.T) {
	t.Parallel()
	var none analytics.Integrations
	require.Equal(t, analytics.Integrations{"All": false, "Slack": true}, none.DisableAll().Enable("Slack"))
	require.Equal(t, analytics.Integrations{"All": true, "Slack": false}, none.EnableAll().Disable("Slack"))
	require.Equal(t, analytics.Integrations{"A": 1}, none.Set("A", 1))
	require.Nil(t, none)
}

func TestTimesAreISO8601(t *testing.T) {
	t.Parallel()
	got, err := analytics.Traits(nil).SetCreatedAt(time.Date(2026, 9, 1, 12, 0, 0, 5e8, time.UTC)).AppendJSON(nil)
	require.NoError(t, err)
	require.Equal(t, `{"createdAt":"2026-09-01T12:00:00.5Z"}`, string(got))
}

func TestSetProductSaysWhatTheProductSays(t *testing.T) {
	for name, product := range map[string]analytics.Product{
		"empty": {},
		"full": {ProductID: "p", SKU: "s", Category: "c", Name: "n", Brand: "b", Variant: "v", Price: 19.99, Quantity: 2, Coupon: "k",
			Position: 3, URL: "https://x.example/p", ImageURL: "https://x.example/p.png"},
	} {
		t.Run(name, func(t *testing.T) {
			alone, err := analytics.Struct(product).AppendJSON(nil)
			require.NoError(t, err)
			set, err := analytics.NewProperties().SetProduct(product).AppendJSON(nil)
			require.NoError(t, err)
			require.JSONEq(t, string(alone), string(set))
		})
	}
}
