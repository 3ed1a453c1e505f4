// Properties: what a Track, Page or Screen says, and their setters.

package analytics

// Properties are the details of a Track, Page or Screen.
type Properties map[string]any

// Product is an element of the property "products".
type Product struct {
	ID    string  `json:"id,omitempty"`
	SKU   string  `json:"sku,omitempty"`
	Name  string  `json:"name,omitempty"`
	Price float64 `json:"price"`
}

// NewProperties returns empty Properties.
func NewProperties() Properties { return make(Properties) }

// Set sets a property and returns p, which must not be nil.
func (p Properties) Set(name string, value any) Properties {
	p[name] = value
	return p
}

// SetRevenue sets the property "revenue".
func (p Properties) SetRevenue(revenue float64) Properties { return p.Set("revenue", revenue) }

// SetCurrency sets the property "currency".
func (p Properties) SetCurrency(currency string) Properties { return p.Set("currency", currency) }

// SetValue sets the property "value".
func (p Properties) SetValue(value float64) Properties { return p.Set("value", value) }

// SetPath sets the property "path".
func (p Properties) SetPath(path string) Properties { return p.Set("path", path) }

// SetReferrer sets the property "referrer".
func (p Properties) SetReferrer(referrer string) Properties { return p.Set("referrer", referrer) }

// SetTitle sets the property "title".
func (p Properties) SetTitle(title string) Properties { return p.Set("title", title) }

// SetURL sets the property "url".
func (p Properties) SetURL(url string) Properties { return p.Set("url", url) }

// SetName sets the property "name".
func (p Properties) SetName(name string) Properties { return p.Set("name", name) }

// SetCategory sets the property "category".
func (p Properties) SetCategory(category string) Properties { return p.Set("category", category) }

// SetSKU sets the property "sku".
func (p Properties) SetSKU(sku string) Properties { return p.Set("sku", sku) }

// SetPrice sets the property "price".
func (p Properties) SetPrice(price float64) Properties { return p.Set("price", price) }

// SetProductId sets the property "id".
func (p Properties) SetProductId(id string) Properties { return p.Set("id", id) }

// SetOrderId sets the property "orderId".
func (p Properties) SetOrderId(id string) Properties { return p.Set("orderId", id) }

// SetTotal sets the property "total".
func (p Properties) SetTotal(total float64) Properties { return p.Set("total", total) }

// SetSubtotal sets the property "subtotal".
func (p Properties) SetSubtotal(subtotal float64) Properties { return p.Set("subtotal", subtotal) }

// SetShipping sets the property "shipping".
func (p Properties) SetShipping(shipping float64) Properties { return p.Set("shipping", shipping) }

// SetTax sets the property "tax".
func (p Properties) SetTax(tax float64) Properties { return p.Set("tax", tax) }

// SetDiscount sets the property "discount".
func (p Properties) SetDiscount(discount float64) Properties { return p.Set("discount", discount) }

// SetCoupon sets the property "coupon".
func (p Properties) SetCoupon(coupon string) Properties { return p.Set("coupon", coupon) }

// SetProducts sets the property "products".
func (p Properties) SetProducts(products ...Product) Properties { return p.Set("products", products) }

// SetRepeat sets the property "repeat".
func (p Properties) SetRepeat(repeat bool) Properties { return p.Set("repeat", repeat) }
