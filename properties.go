// Properties: what a Track, Page or Screen call says, with a setter per reserved key.

package analytics

// Properties are the fields of a Track, Page or Screen call. Any value that
// encoding/json can encode may stand in it; an error is sent as its text.
//
// Every setter returns the map, and makes one when the map is nil: use what it returns.
// The zero value is absent from the message. The map is read before Track returns and not afterwards; it is
// not safe to change it at that very moment from another goroutine.
type Properties map[string]any

// NewProperties returns empty Properties to chain setters on.
func NewProperties() Properties { return Properties{} }

// Set sets any key.
func (p Properties) Set(key string, value any) Properties {
	if p == nil {
		p = Properties{}
	}
	p[key] = value
	return p
}

// AppendJSON appends the map as one object; {} when it is nil.
func (p Properties) AppendJSON(b []byte) ([]byte, error) { return appendWhole(b, p) }

// Tracking API, Spec: Track, reserved properties of all events.

// SetRevenue sets revenue, an amount in the currency set by SetCurrency.
func (p Properties) SetRevenue(revenue float64) Properties { return p.Set("revenue", revenue) }

// SetCurrency sets currency, an ISO 4217 code such as "USD".
func (p Properties) SetCurrency(currency string) Properties { return p.Set("currency", currency) }

// SetValue sets value, what an event without revenue is worth.
func (p Properties) SetValue(value float64) Properties { return p.Set("value", value) }

// Tracking API, Spec: Page and Spec: Screen, reserved properties.

// SetName sets name: of the page, the screen, or the product.
func (p Properties) SetName(name string) Properties { return p.Set("name", name) }

// SetPath sets path, the path of the page's URL.
func (p Properties) SetPath(path string) Properties { return p.Set("path", path) }

// SetReferrer sets referrer, the URL of the page before.
func (p Properties) SetReferrer(referrer string) Properties { return p.Set("referrer", referrer) }

// SetSearch sets search, the query of the page's URL.
func (p Properties) SetSearch(search string) Properties { return p.Set("search", search) }

// SetTitle sets title of the page.
func (p Properties) SetTitle(title string) Properties { return p.Set("title", title) }

// SetURL sets url of the page or the product.
func (p Properties) SetURL(url string) Properties { return p.Set("url", url) }

// SetKeywords sets keywords, those a page gives search engines.
func (p Properties) SetKeywords(keywords ...string) Properties { return p.Set("keywords", keywords) }

// Tracking API, Spec: V2 Ecommerce Events, properties of a product.

// SetProductID sets product_id.
func (p Properties) SetProductID(id string) Properties { return p.Set("product_id", id) }

// SetSKU sets sku, the stock keeping unit.
func (p Properties) SetSKU(sku string) Properties { return p.Set("sku", sku) }

// SetCategory sets category of the product, the list or the page.
func (p Properties) SetCategory(category string) Properties { return p.Set("category", category) }

// SetBrand sets brand.
func (p Properties) SetBrand(brand string) Properties { return p.Set("brand", brand) }

// SetVariant sets variant, such as a colour.
func (p Properties) SetVariant(variant string) Properties { return p.Set("variant", variant) }

// SetPrice sets price of one product; 0 is sent.
func (p Properties) SetPrice(price float64) Properties { return p.Set("price", price) }

// SetQuantity sets quantity; it need not be whole.
func (p Properties) SetQuantity(quantity float64) Properties { return p.Set("quantity", quantity) }

// SetCoupon sets coupon, the code used with the product or the order.
func (p Properties) SetCoupon(coupon string) Properties { return p.Set("coupon", coupon) }

// SetPosition sets position of the product in its list. A promotion's position is a text:
// Set("position", "home_banner_top").
func (p Properties) SetPosition(position int) Properties { return p.Set("position", position) }

// SetImageURL sets image_url.
func (p Properties) SetImageURL(url string) Properties { return p.Set("image_url", url) }

// SetProduct sets every field of product that is not empty, as in a Product Added event,
// which says more than the product alone.
func (p Properties) SetProduct(product Product) Properties {
	for key, value := range map[string]string{
		"product_id": product.ProductID, "sku": product.SKU, "category": product.Category, "name": product.Name,
		"brand": product.Brand, "variant": product.Variant, "coupon": product.Coupon, "url": product.URL, "image_url": product.ImageURL,
	} {
		if value != "" {
			p = p.Set(key, value)
		}
	}
	if product.Price != 0 {
		p = p.Set("price", product.Price)
	}
	if product.Quantity != 0 {
		p = p.Set("quantity", product.Quantity)
	}
	if product.Position != 0 {
		p = p.Set("position", product.Position)
	}
	return p
}

// SetProducts sets products; none make an empty list. For other keys, or a price of 0 that must
// be sent, use Set("products", []Properties{…}).
func (p Properties) SetProducts(products ...Product) Properties { return p.Set("products", products) }

// Tracking API, Spec: V2 Ecommerce Events, properties of an order and its checkout.

// SetOrderID sets order_id.
func (p Properties) SetOrderID(id string) Properties { return p.Set("order_id", id) }

// SetAffiliation sets affiliation, the shop or partner the order came through.
func (p Properties) SetAffiliation(affiliation string) Properties {
	return p.Set("affiliation", affiliation)
}

// SetSubtotal sets subtotal: after discounts, before shipping and tax.
func (p Properties) SetSubtotal(subtotal float64) Properties { return p.Set("subtotal", subtotal) }

// SetTotal sets total: subtotal, shipping and tax.
func (p Properties) SetTotal(total float64) Properties { return p.Set("total", total) }

// SetShipping sets shipping, its cost.
func (p Properties) SetShipping(shipping float64) Properties { return p.Set("shipping", shipping) }

// SetTax sets tax.
func (p Properties) SetTax(tax float64) Properties { return p.Set("tax", tax) }

// SetDiscount sets discount, the amount taken off.
func (p Properties) SetDiscount(discount float64) Properties { return p.Set("discount", discount) }

// SetRepeat sets repeat: the customer has ordered before.
func (p Properties) SetRepeat(repeat bool) Properties { return p.Set("repeat", repeat) }

// SetCheckoutID sets checkout_id.
func (p Properties) SetCheckoutID(id string) Properties { return p.Set("checkout_id", id) }

// SetStep sets step, the number of a checkout's step.
func (p Properties) SetStep(step int) Properties { return p.Set("step", step) }

// SetShippingMethod sets shipping_method.
func (p Properties) SetShippingMethod(method string) Properties {
	return p.Set("shipping_method", method)
}

// SetPaymentMethod sets payment_method.
func (p Properties) SetPaymentMethod(method string) Properties {
	return p.Set("payment_method", method)
}

// Tracking API, Spec: V2 Ecommerce Events, browsing, promotions, coupons, wishlists, sharing and reviews.

// SetQuery sets query, what was searched for.
func (p Properties) SetQuery(query string) Properties { return p.Set("query", query) }

// SetListID sets list_id of a product list.
func (p Properties) SetListID(id string) Properties { return p.Set("list_id", id) }

// SetFilters sets filters of a product list.
func (p Properties) SetFilters(filters ...Refinement) Properties { return p.Set("filters", filters) }

// SetSorts sets sorts of a product list.
func (p Properties) SetSorts(sorts ...Refinement) Properties { return p.Set("sorts", sorts) }

// SetPromotionID sets promotion_id.
func (p Properties) SetPromotionID(id string) Properties { return p.Set("promotion_id", id) }

// SetCreative sets creative of a promotion, such as "banner".
func (p Properties) SetCreative(creative string) Properties { return p.Set("creative", creative) }

// SetCartID sets cart_id.
func (p Properties) SetCartID(id string) Properties { return p.Set("cart_id", id) }

// SetCouponID sets coupon_id.
func (p Properties) SetCouponID(id string) Properties { return p.Set("coupon_id", id) }

// SetCouponName sets coupon_name.
func (p Properties) SetCouponName(name string) Properties { return p.Set("coupon_name", name) }

// SetReason sets reason, why a coupon was denied.
func (p Properties) SetReason(reason string) Properties { return p.Set("reason", reason) }

// SetWishlistID sets wishlist_id.
func (p Properties) SetWishlistID(id string) Properties { return p.Set("wishlist_id", id) }

// SetWishlistName sets wishlist_name.
func (p Properties) SetWishlistName(name string) Properties { return p.Set("wishlist_name", name) }

// SetShareVia sets share_via, such as "email".
func (p Properties) SetShareVia(channel string) Properties { return p.Set("share_via", channel) }

// SetShareMessage sets share_message, what the sender wrote.
func (p Properties) SetShareMessage(message string) Properties {
	return p.Set("share_message", message)
}

// SetRecipient sets recipient of what was shared.
func (p Properties) SetRecipient(recipient string) Properties { return p.Set("recipient", recipient) }

// SetReviewID sets review_id.
func (p Properties) SetReviewID(id string) Properties { return p.Set("review_id", id) }

// SetReviewBody sets review_body, the text of the review.
func (p Properties) SetReviewBody(body string) Properties { return p.Set("review_body", body) }

// SetRating sets rating; the specification makes it a text.
func (p Properties) SetRating(rating string) Properties { return p.Set("rating", rating) }
