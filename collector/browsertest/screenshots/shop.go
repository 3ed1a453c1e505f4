// The shop: two weeks of traffic, the same in every run.

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// end is the moment at which the pictures are taken: a Wednesday afternoon.
var end = time.Date(2026, time.March, 18, 15, 42, 30, 0, time.UTC)

// span is how long the shop has been sending.
const span = 15 * 24 * time.Hour

// perHour is how many calls come in an hour of an average day.
const perHour = 88

// busy is how many calls come at t compared with an average hour: few at night,
// most in the evening, more at the weekend, and many after a newsletter.
func busy(t time.Time) float64 {
	hour := float64(t.Hour()) + float64(t.Minute())/60
	day := 0.08 + 0.95*bell(hour, 12.5, 3.2) + 1.5*(bell(hour, 20, 2.3)+bell(hour, 20-24, 2.3))
	week := [...]float64{time.Sunday: 1.3, 0.95, 0.92, 0.96, 1, 1.02, 1.15}[t.Weekday()]
	news := 1 + 1.6*bell(t.Sub(newsletter).Hours(), 0, 0.7)
	return 1.2 * day * week * news
}

// newsletter is when the newsletter goes out.
var newsletter = time.Date(2026, time.March, 17, 9, 30, 0, 0, time.UTC)

// bell is 1 at middle and falls off on both sides.
func bell(x, middle, width float64) float64 {
	d := (x - middle) / width
	return math.Exp(-d * d / 2)
}

// shop makes calls. Its zero value is not usable; see newShop.
type shop struct {
	random *rand.Rand
	calls  int
}

func newShop() *shop { return &shop{random: rand.New(rand.NewPCG(8, 33))} }

// minute is what arrives in the minute that begins at t.
func (s *shop) minute(t time.Time) []map[string]any {
	expected := perHour / 60.0 * busy(t)
	n := int(expected)
	if s.random.Float64() < expected-float64(n) {
		n++
	}
	// Visits come in clumps.
	if s.random.IntN(9) == 0 {
		n += s.random.IntN(3)
	}
	calls := make([]map[string]any, n)
	for i := range calls {
		calls[i] = s.call(t)
	}
	return calls
}

// pick chooses one of several by weight.
func pick[T any](s *shop, weights []float64, of []T) T {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	at := s.random.Float64() * total
	for i, w := range weights {
		if at -= w; at < 0 {
			return of[i]
		}
	}
	return of[len(of)-1]
}

// call is one call. One in fifty fails, one in twenty-five is filtered.
func (s *shop) call(t time.Time) map[string]any {
	m := s.common(t)
	switch x := s.random.Float64(); {
	case x < 0.02:
		s.spoiled(m)
	case x < 0.05:
		m["type"], m["event"] = "track", pick(s, []float64{3, 1}, []string{"Debug Heartbeat", "Debug Cache Missed"})
		m["properties"] = map[string]any{"host": "web-2", "ms": s.random.IntN(90)}
	case x < 0.06:
		s.identify(m)
		m["traits"].(map[string]any)["email"] = fmt.Sprint("robot-", s.random.IntN(20), "@test.example")
	default:
		pick(s, []float64{62, 21, 6, 4, 3, 0.4}, []func(map[string]any){s.track, s.page, s.identify, s.screen, s.group, s.alias})(m)
	}
	return m
}

// common is what every call has.
func (s *shop) common(t time.Time) map[string]any {
	s.calls++
	at := t.Format(time.RFC3339)
	return map[string]any{
		"messageId": fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", s.random.Uint32(), s.random.IntN(1<<16), s.random.IntN(1<<12), s.random.IntN(1<<12), s.random.Uint64()>>16),
		"userId":    fmt.Sprintf("user_%d", 1000+s.random.IntN(900)),
		"timestamp": at, "sentAt": at,
		"context": map[string]any{
			"app":     map[string]any{"name": "Shop", "version": s.version(t)},
			"library": map[string]any{"name": "headwater", "version": "0.1.0"},
			"locale":  pick(s, []float64{5, 3, 2}, []string{"en-GB", "de-DE", "fr-FR"}),
		},
	}
}

// latest is what arrives last, a little of everything for the top of the Debugger.
func (s *shop) latest() []moment {
	makers := []func(map[string]any){
		func(m map[string]any) { s.page(m); delete(m, "userId") },
		s.page,
		func(m map[string]any) {
			for s.track(m); m["event"] != "Order Completed"; {
				s.track(m)
			}
		},
		s.identify,
		func(m map[string]any) {
			m["type"], m["event"], m["properties"] = "track", "Debug Heartbeat", map[string]any{"host": "web-2", "ms": 12}
		},
		s.track,
	}
	out := make([]moment, len(makers))
	for i, fill := range makers {
		at := end.Add(time.Duration(i-len(makers)) * 7 * time.Second)
		out[i] = moment{at, s.common(at)}
		fill(out[i].call)
	}
	return out
}

// moment is a call and when it arrives.
type moment struct {
	at   time.Time
	call map[string]any
}

// version rolls over from 3.0.4 to 3.1.0 on the sixth day and to 3.1.4 on the twelfth.
func (s *shop) version(t time.Time) string {
	age := end.Sub(t).Hours() / 24
	switch x := s.random.Float64(); {
	case age < 3.2 && x < min(0.9, (3.2-age)/1.5):
		return "3.1.4"
	case age < 9.5 && x < min(0.93, (9.5-age)/2):
		return "3.1.0"
	}
	return "3.0.4"
}

// products are what the shop sells.
var products = []map[string]any{
	{"product_id": "p-101", "sku": "BREW-01", "name": "Pour-over kettle", "category": "Kitchen", "price": 64.0},
	{"product_id": "p-102", "sku": "BREW-07", "name": "Hand grinder", "category": "Kitchen", "price": 89.5},
	{"product_id": "p-230", "sku": "LAMP-12", "name": "Desk lamp, brass", "category": "Lighting", "price": 129.0},
	{"product_id": "p-231", "sku": "LAMP-14", "name": "Paper lantern", "category": "Lighting", "price": 24.9},
	{"product_id": "p-317", "sku": "WOOL-03", "name": "Wool blanket", "category": "Home", "price": 74.0},
}

func (s *shop) track(m map[string]any) {
	product := products[s.random.IntN(len(products))]
	m["type"] = "track"
	m["event"] = pick(s, []float64{34, 22, 14, 12, 8, 6, 5, 4, 1.2, 2},
		[]string{"Product Viewed", "Product List Viewed", "Products Searched", "Product Added", "Cart Viewed", "Checkout Started", "Order Completed", "Product Removed", "Order Refunded", "Coupon Applied"})
	switch m["event"] {
	case "Products Searched":
		m["properties"] = map[string]any{"query": pick(s, []float64{3, 2, 2}, []string{"lamp", "wool blanket", "coffee grinder"})}
	case "Product List Viewed":
		m["properties"] = map[string]any{"list_id": "l-" + product["category"].(string), "category": product["category"]}
	case "Order Completed", "Order Refunded", "Checkout Started":
		quantity := 1 + s.random.IntN(3)
		line := map[string]any{"quantity": quantity}
		for k, v := range product {
			line[k] = v
		}
		revenue := product["price"].(float64) * float64(quantity)
		m["properties"] = map[string]any{
			"order_id": fmt.Sprintf("o-%d", 50000+s.calls), "currency": "EUR", "revenue": revenue, "total": revenue + 4.9, "shipping": 4.9, "products": []any{line},
		}
	default:
		m["properties"] = product
	}
}

func (s *shop) page(m map[string]any) {
	name := pick(s, []float64{5, 4, 3, 1}, []string{"Home", "Category", "Product", "About us"})
	m["type"], m["name"] = "page", name
	m["properties"] = map[string]any{"title": name + " · Shop", "url": "https://shop.example.com/", "referrer": "https://news.example.org/"}
}

func (s *shop) identify(m map[string]any) {
	m["type"] = "identify"
	m["traits"] = map[string]any{"email": fmt.Sprint(m["userId"], "@example.com"), "plan": pick(s, []float64{4, 1}, []string{"guest", "member"}), "newsletter": s.random.IntN(2) == 0}
}

func (s *shop) screen(m map[string]any) {
	m["type"], m["name"] = "screen", pick(s, []float64{3, 2, 1}, []string{"Home", "Basket", "Profile"})
	m["properties"] = map[string]any{"dark": s.random.IntN(2) == 0}
}

func (s *shop) group(m map[string]any) {
	m["type"], m["groupId"] = "group", fmt.Sprintf("household_%d", s.random.IntN(300))
	m["traits"] = map[string]any{"members": 1 + s.random.IntN(5)}
}

func (s *shop) alias(m map[string]any) {
	m["type"], m["previousId"] = "alias", fmt.Sprintf("visitor_%d", s.random.IntN(9000))
}

// spoiled makes a call one that fails on ingest.
func (s *shop) spoiled(m map[string]any) {
	pick(s, []float64{8, 4, 3, 2, 2}, []func(){
		func() { s.page(m); delete(m, "userId") },
		func() { s.track(m); delete(m, "event") },
		func() { s.track(m); m["properties"] = "BREW-01" },
		func() { s.track(m); m["userId"] = 1000 + s.random.IntN(900) },
		func() { s.identify(m); m["traits"] = []any{"guest"} },
	})()
}
