// The event that every variant sends: an order as a shop would track it, different for each number.

package main

import "strconv"

// event is one order, before any library has made a message of it. It comes to
// about 750 bytes of JSON: twelve properties, one an object and one an array,
// and a context with ip, userAgent, locale, campaign and page.
type event struct {
	userID string

	orderID      string
	affiliation  string
	total        float64
	revenue      float64
	shipping     float64
	tax          float64
	discount     float64
	coupon       string
	currency     string
	skus         []string
	method       string // payment.method
	installments int    // payment.installments
	gift         bool

	ip        string
	userAgent string
	locale    string
	campaign  campaign
	page      page
}

type campaign struct{ name, source, medium string }

type page struct{ path, url string }

const eventName = "Order Completed"

// Few values of the kind that repeat in real traffic; what is unique comes from dice.
var (
	affiliations = []string{"Web Store", "Android App", "iOS App", "Outlet Berlin", "Marketplace"}
	coupons      = []string{"SUMMER26", "WELCOME10", "FREESHIP", "LOYAL5", "NONE"}
	currencies   = []string{"EUR", "USD", "CZK", "GBP"}
	methods      = []string{"card", "paypal", "invoice", "transfer"}
	locales      = []string{"de-DE", "en-US", "cs-CZ", "en-GB", "fr-FR", "es-ES"}
	userAgents   = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
	}
	campaigns = []campaign{
		{"spring-sale", "newsletter", "email"}, {"brand", "google", "cpc"}, {"retarget-7d", "meta", "social"}, {"partner-blog", "heise", "referral"},
	}
)

// newEvent makes the event of a number. The same number and seed always give
// the same event, so that every variant sends the same.
func newEvent(seed uint64, number int) event {
	d := dice(seed + uint64(number)*0x9e3779b97f4a7c15)
	cents := 500 + d.below(40_000)
	order := "/orders/" + strconv.Itoa(100_000+d.below(900_000))
	return event{
		userID:       "user_" + strconv.Itoa(10_000_000+d.below(90_000_000)),
		orderID:      orderID(number, &d),
		affiliation:  pick(&d, affiliations),
		total:        float64(cents) / 100,
		revenue:      float64(cents-cents/6) / 100,
		shipping:     float64(d.below(900)) / 100,
		tax:          float64(cents/6) / 100,
		discount:     float64(d.below(500)) / 100,
		coupon:       pick(&d, coupons),
		currency:     pick(&d, currencies),
		skus:         []string{sku(&d), sku(&d)},
		method:       pick(&d, methods),
		installments: 1 + d.below(12),
		gift:         d.below(8) == 0,
		ip:           address(&d),
		userAgent:    pick(&d, userAgents),
		locale:       pick(&d, locales),
		campaign:     pick(&d, campaigns),
		page:         page{path: order, url: "https://example.com" + order},
	}
}

// propertiesOf makes a fresh map for each call, as a handler does.
func propertiesOf(e *event) map[string]any {
	return map[string]any{
		"order_id":    e.orderID,
		"affiliation": e.affiliation,
		"total":       e.total,
		"revenue":     e.revenue,
		"shipping":    e.shipping,
		"tax":         e.tax,
		"discount":    e.discount,
		"coupon":      e.coupon,
		"currency":    e.currency,
		"skus":        e.skus,
		"payment":     map[string]any{"method": e.method, "installments": e.installments},
		"gift":        e.gift,
	}
}

// dice is a small generator of random numbers (SplitMix64): a step costs a
// nanosecond, so that the driver stays cheap beside what it drives.
type dice uint64

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() >> 33 % uint64(n)) }

func pick[T any](d *dice, list []T) T { return list[d.below(len(list))] }

func sku(d *dice) string { return "SKU-" + strconv.Itoa(10_000+d.below(90_000)) }

func address(d *dice) string {
	n := d.next()
	b := make([]byte, 0, len("255.255.255.255"))
	for i := range 4 {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, n>>(8*i)&0xff, 10)
	}
	return string(b)
}

const (
	numberDigits = 8 // of an order id, in hex, say which event it is
	orderDigits  = 24
	// scramble and unscramble are inverse modulo 2^32: numbers in a row must not
	// look alike, or gzip would find more than real ids have.
	scramble   uint32 = 0x9e3779b1
	unscramble uint32 = 0x0e8b2f51
)

// orderID tells the sink which event has arrived, and looks like any other id.
func orderID(number int, d *dice) string {
	const digits = "0123456789abcdef"
	var b [orderDigits]byte
	n, random := uint32(number)*scramble, d.next()
	for i := range b {
		if i < numberDigits {
			b[i] = digits[n>>(28-4*i)&0xf]
		} else {
			b[i] = digits[random>>(4*(i-numberDigits))&0xf]
		}
	}
	return string(b[:])
}

// numberOf is the event of an order id, or false when that is none of ours.
func numberOf(orderID []byte) (number int, ok bool) {
	if len(orderID) < numberDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(orderID[:numberDigits]), 16, 32)
	return int(uint32(n) * unscramble), err == nil
}
