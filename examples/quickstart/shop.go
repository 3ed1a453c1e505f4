// The shop: its visitors, what they do, and the calls that tell of it.

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/headwater-dev/analytics"
)

const currency = "USD"

// seed makes every run the same run.
const seed = 1851

// shop sells to visitors who come one after the other. It keeps what it sent.
type shop struct {
	client *analytics.Client
	till   *till // rings after every fifth visit; nil rings never
	rand   *rand.Rand
	sent   *tally
	opened time.Time

	visitors, orders int
	err              error // the first call that was not accepted; no further ones are made
}

func newShop(client *analytics.Client) *shop {
	return &shop{client: client, rand: rand.New(rand.NewPCG(seed, seed)), sent: newTally(), opened: time.Now()}
}

// visits plays n visits, fewer when ctx ends.
func (s *shop) visits(ctx context.Context, n int) error {
	for range n {
		if ctx.Err() != nil {
			break
		}
		s.visit(ctx)
		if s.till != nil && s.visitors%5 == 0 {
			slip, err := s.till.ring(ctx)
			s.count(slip.call, slip.event, failed, err)
		}
	}
	return s.err
}

// chance is true in so many of 100 cases.
func (s *shop) chance(percent int) bool { return s.rand.IntN(100) < percent }

// visitor is one person in the shop. What is known of their connection is in ctx.
type visitor struct {
	ctx         context.Context
	anonymousID string
	userID      string // empty until they sign in
	app         bool   // they use the app, not the website
	cart        []analytics.Product
	cartID      string
}

// visit plays one visit, from the first page to an order or to nothing.
func (s *shop) visit(ctx context.Context) {
	v := s.enter(ctx)
	s.view(v, "Home")
	if s.chance(20) {
		s.track(v, debug+"Cache Missed", analytics.NewProperties().Set("page", "Home"))
	}
	s.browse(v)
	if len(v.cart) == 0 {
		if s.chance(25) {
			s.track(v, "Product Added to Wishlist", productEvent(s.product()).SetWishlistID("wl-"+v.anonymousID).SetWishlistName("Some day"))
		}
		return
	}
	s.view(v, "Cart")
	s.track(v, "Cart Viewed", analytics.NewProperties().SetCartID(v.cartID).SetProducts(v.cart...))
	if s.chance(30) && len(v.cart) > 1 {
		s.track(v, "Product Removed", productEvent(v.cart[0]).SetCartID(v.cartID))
		v.cart = v.cart[1:]
	}
	if s.chance(75) {
		s.signIn(v)
		s.checkout(v)
	}
}

// enter makes the next visitor.
func (s *shop) enter(ctx context.Context) *visitor {
	s.visitors++
	id := fmt.Sprintf("%04x%04d", s.rand.IntN(1<<16), s.visitors)
	v := &visitor{anonymousID: "anon-" + id, cartID: "cart-" + id, app: s.chance(20)}
	c := &analytics.Context{
		IP:        fmt.Sprintf("203.0.113.%d", 1+s.rand.IntN(254)),
		Locale:    pick(s, "en-US", "en-GB", "cs-CZ", "fr-FR"),
		UserAgent: pick(s, "Mozilla/5.0 (X11; Linux x86_64) Firefox/142.0", "Mozilla/5.0 (Macintosh) Safari/605.1.15"),
	}
	c.App = analytics.App{Name: shopName, Version: "web 118"}
	if v.app {
		c.UserAgent = ""
		c.App.Version = pick(s, "3.1.4", "3.2.0", "3.2.0")
	}
	// In a web server, analytics.Middleware does this from the request.
	v.ctx = analytics.WithContext(ctx, c)
	return v
}

// browse is looking for something, and finding it or not.
func (s *shop) browse(v *visitor) {
	switch list := s.shelf(); {
	case s.chance(20):
		promotion := analytics.NewProperties().SetPromotionID("promo-7").SetName("Three for two").SetCreative("banner").Set("position", "home_top")
		s.track(v, "Promotion Viewed", promotion)
		if s.chance(50) {
			s.track(v, "Promotion Clicked", promotion)
		}
	case s.chance(45):
		s.track(v, "Products Searched", analytics.NewProperties().SetQuery(pick(s, "rain jacket", "stove", "water filter", "socks")))
	default:
		category := list[0].Category
		s.view(v, category)
		s.track(v, "Product List Viewed", analytics.NewProperties().SetListID("list-"+category).SetCategory(category).SetProducts(list...))
	}
	for range 1 + s.rand.IntN(3) {
		p := s.product()
		s.track(v, "Product Clicked", productEvent(p))
		s.track(v, "Product Viewed", productEvent(p))
		if s.chance(45) {
			p.Quantity = float64(1 + s.rand.IntN(2))
			v.cart = append(v.cart, p)
			s.track(v, "Product Added", productEvent(p).SetCartID(v.cartID))
		}
	}
}

// signIn gives the visitor a user id. A new customer is identified, a company
// put into its group, and one who shopped under an e-mail address so far gets
// both identities joined.
func (s *shop) signIn(v *visitor) {
	v.userID = fmt.Sprintf("user-%04d", s.visitors)
	first, last := pick(s, "Ada", "Grace", "Alan", "Barbara"), pick(s, "Novak", "Okafor", "Lindqvist", "Moreau")
	email := fmt.Sprintf("customer%d@example.com", s.visitors)
	traits := analytics.NewTraits().SetEmail(email).SetFirstName(first).SetLastName(last).
		SetCreatedAt(s.opened).SetAddress(analytics.Address{City: pick(s, "Brno", "Leeds", "Lyon"), PostalCode: "10000"})
	s.count("identify", "", eligible, s.client.Identify(v.ctx, analytics.Identify{UserID: v.userID, AnonymousID: v.anonymousID, Traits: traits}))

	if s.chance(25) {
		s.count("alias", "", eligible, s.client.Alias(v.ctx, analytics.Alias{UserID: v.userID, PreviousID: email}))
	}
	if s.chance(25) {
		team := analytics.NewTraits().SetName(pick(s, "Alpine Rescue", "River Guides")).SetIndustry("Outdoors").SetEmployees(12 + s.rand.IntN(50))
		s.count("group", "", eligible, s.client.Group(v.ctx, analytics.Group{UserID: v.userID, GroupID: fmt.Sprintf("team-%d", s.rand.IntN(5)), Traits: team}))
	}
}

// checkout is the way from a full cart to an order, which not everybody goes to the end.
func (s *shop) checkout(v *visitor) {
	s.view(v, "Checkout")
	order := s.order(v)
	s.track(v, "Checkout Started", order)
	for step, method := range []string{"courier", "card"} {
		if s.chance(10) {
			return
		}
		p := analytics.NewProperties().SetCheckoutID(v.cartID).SetStep(step + 1)
		s.track(v, "Checkout Step Viewed", p)
		if step == 0 {
			p.SetShippingMethod(method)
		} else {
			p.SetPaymentMethod(method)
		}
		s.track(v, "Checkout Step Completed", p)
	}
	s.track(v, "Payment Info Entered", analytics.NewProperties().SetCheckoutID(v.cartID).SetPaymentMethod("card"))
	s.track(v, "Order Completed", order)
	if s.chance(8) {
		s.track(v, "Order Refunded", order)
	}
}

// order adds up the cart. A map of properties may be sent more than once: the
// client reads it before Track returns and keeps nothing of it.
func (s *shop) order(v *visitor) analytics.Properties {
	s.orders++
	var goods float64
	for _, p := range v.cart {
		goods += p.Price * p.Quantity
	}
	order := analytics.NewProperties().SetOrderID(fmt.Sprintf("order-%05d", s.orders)).SetCheckoutID(v.cartID).
		SetCurrency(currency).SetProducts(v.cart...)
	if s.chance(25) {
		discount := cents(goods / 10)
		goods -= discount
		order.SetCoupon("STREAM10").SetDiscount(discount)
		s.track(v, "Coupon Applied", analytics.NewProperties().SetCartID(v.cartID).SetCouponName("STREAM10").SetDiscount(discount))
	}
	shipping, tax := 4.90, cents(goods/5)
	return order.SetSubtotal(cents(goods)).SetRevenue(cents(goods)).SetShipping(shipping).SetTax(tax).SetTotal(cents(goods + shipping + tax))
}

// view is a page of the website, or a screen of the app.
func (s *shop) view(v *visitor, name string) {
	if v.app {
		s.count("screen", "", eligible, s.client.Screen(v.ctx, analytics.Screen{UserID: v.userID, AnonymousID: v.anonymousID, Name: name}))
		return
	}
	url := "https://outfitters.example/" + name
	s.count("page", "", eligible, s.client.Page(v.ctx, analytics.Page{
		UserID: v.userID, AnonymousID: v.anonymousID, Name: name,
		Properties: analytics.NewProperties().SetURL(url).SetTitle(name + " | " + shopName),
	}))
}

func (s *shop) track(v *visitor, event string, properties analytics.Fields) {
	step := eligible
	if strings.HasPrefix(event, debug) {
		step = filtered
	}
	s.count("track", event, step, s.client.Track(v.ctx, analytics.Track{
		UserID: v.userID, AnonymousID: v.anonymousID, Event: event, Properties: properties,
	}))
}

// count remembers that a call was accepted and the step it should end in, or the
// first one that was not.
func (s *shop) count(call, event, step string, err error) {
	switch {
	case err == nil:
		s.sent.add(call, event, step)
	case s.err == nil:
		s.err = fmt.Errorf("%s %s: %w", call, event, err)
	}
}

// productEvent makes the properties of an event about one product.
func productEvent(p analytics.Product) analytics.Properties {
	p.Quantity = max(p.Quantity, 1)
	return analytics.NewProperties().SetProduct(p).SetCurrency(currency)
}

func (s *shop) product() analytics.Product {
	list := s.shelf()
	return list[s.rand.IntN(len(list))]
}

func (s *shop) shelf() []analytics.Product { return shelves[s.rand.IntN(len(shelves))] }

var shelves = [][]analytics.Product{
	{
		{ProductID: "p-101", SKU: "JKT-RN-M", Category: "Jackets", Name: "Drizzle Rain Jacket", Brand: "Tarn", Price: 129},
		{ProductID: "p-102", SKU: "JKT-DN-M", Category: "Jackets", Name: "Cirrus Down Jacket", Brand: "Tarn", Price: 219},
	},
	{
		{ProductID: "p-201", SKU: "STV-01", Category: "Camp", Name: "Ember Stove", Brand: "Kindle & Co", Price: 54.50},
		{ProductID: "p-202", SKU: "FLT-02", Category: "Camp", Name: "Brook Water Filter", Brand: "Kindle & Co", Price: 39.95},
		{ProductID: "p-203", SKU: "MUG-03", Category: "Camp", Name: "Enamel Mug", Brand: "Kindle & Co", Price: 11},
	},
	{
		{ProductID: "p-301", SKU: "SCK-W-42", Category: "Footwear", Name: "Merino Socks", Brand: "Fell", Price: 18.90},
		{ProductID: "p-302", SKU: "BTS-L-42", Category: "Footwear", Name: "Ridge Boots", Brand: "Fell", Price: 174},
	},
}

func pick[T any](s *shop, of ...T) T { return of[s.rand.IntN(len(of))] }

func cents(amount float64) float64 { return math.Round(amount*100) / 100 }
