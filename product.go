// Product: one product of an e-commerce event, and what narrows a list of them.

package analytics

import (
	"slices"
	"strconv"
)

// Product is an element of the products property. Empty and zero fields are left out;
// where a price of 0 must be sent, or other keys, use Properties in its place.
//
// Tracking API, Spec: V2 Ecommerce Events. Struct(product) makes it the properties of a
// Product Viewed event.
type Product struct {
	ProductID string  `json:"product_id,omitempty"`
	SKU       string  `json:"sku,omitempty"`
	Category  string  `json:"category,omitempty"`
	Name      string  `json:"name,omitempty"`
	Brand     string  `json:"brand,omitempty"`
	Variant   string  `json:"variant,omitempty"`
	Price     float64 `json:"price,omitempty"`    // of one, in the event's currency
	Quantity  float64 `json:"quantity,omitempty"` // it need not be whole
	Coupon    string  `json:"coupon,omitempty"`
	Position  int     `json:"position,omitempty"` // in the list, from 1
	URL       string  `json:"url,omitempty"`
	ImageURL  string  `json:"image_url,omitempty"`
}

// Refinement is an element of the filters and sorts of a Product List Filtered event,
// such as {"department", "beauty"} or {"price", "desc"}.
type Refinement struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func appendProduct(b []byte, p Product, lim bounds) ([]byte, error) {
	o := object{b: append(b, '{'), lim: lim}
	o.text("product_id", p.ProductID)
	o.text("sku", p.SKU)
	o.text("category", p.Category)
	o.text("name", p.Name)
	o.text("brand", p.Brand)
	o.text("variant", p.Variant)
	o.number("price", p.Price)
	o.number("quantity", p.Quantity)
	o.text("coupon", p.Coupon)
	o.whole("position", p.Position)
	o.text("url", p.URL)
	o.text("image_url", p.ImageURL)
	return o.end()
}

// object writes the members of a small struct that are not empty. After an error it
// writes nothing more.
type object struct {
	b   []byte
	lim bounds
	err error
}

// text writes a member whose key needs no escape.
func (o *object) text(key, s string) {
	if s == "" || o.err != nil {
		return
	}
	if o.lim.exceeded(o.b, len(key)+len(s)+6) { // four quotes, a colon and what ends the member
		o.err = ErrMessageTooLarge
		return
	}
	o.b = append(appendString(appendKey(o.b, key), s), ',')
}

func (o *object) number(key string, f float64) {
	if f == 0 || o.err != nil {
		return
	}
	o.key(key)
	if o.b, o.err = appendFloat(o.b, f, 64); o.err != nil {
		o.err = under(o.err, key)
	}
	o.b = append(o.b, ',')
}

func (o *object) whole(key string, n int) {
	if n == 0 || o.err != nil {
		return
	}
	o.key(key)
	o.b = append(strconv.AppendInt(o.b, int64(n), 10), ',')
}

func (o *object) value(key string, v any) {
	if o.err != nil {
		return
	}
	o.key(key)
	if o.b, o.err = appendValue(o.b, v, o.lim); o.err != nil {
		o.err = under(o.err, key)
	}
	o.b = append(o.b, ',')
}

func (o *object) key(key string) {
	o.b = appendKey(o.b, key)
}

// appendKey appends a key that needs no escape, and its colon.
func appendKey(b []byte, key string) []byte {
	at := len(b)
	b = slices.Grow(b, len(key)+3)[:at+len(key)+3]
	b[at] = '"'
	copy(b[at+1:], key)
	b[at+1+len(key)] = '"'
	b[at+2+len(key)] = ':'
	return b
}

func (o *object) end() ([]byte, error) { return closeObject(o.b), o.err }
