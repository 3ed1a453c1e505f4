// Values: what JSON holds, as Go literals that are sent as the same JSON.

package gocode

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// object writes head{"key": value, …}, the keys in order.
func (w *writer) object(head string, m map[string]any) {
	w.block(head, func() {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			literal := quote(key)
			w.element(len(literal)+len(": nil"), func() {
				w.text(literal + ": ")
				w.value(m[key])
			})
			if w.cut {
				return
			}
		}
	})
}

func (w *writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.text("nil")
	case bool:
		w.text(strconv.FormatBool(v))
	case string:
		w.string(v)
	case json.Number:
		w.number(v)
	case map[string]any:
		if v == nil {
			w.text("nil")
			return
		}
		w.object("map[string]any", v)
	case []any:
		w.list(v)
	default:
		w.other(v)
	}
}

func (w *writer) number(n json.Number) {
	literal := number(n)
	if w.tooLong(literal) {
		literal = "0 /* a number too long to show */"
	}
	w.text(literal)
}

func (w *writer) list(list []any) {
	w.block("[]any", func() {
		for _, v := range list {
			w.element(len("nil"), func() { w.value(v) })
			if w.cut {
				return
			}
		}
	})
}

// other writes a value that no decoder of JSON makes, by way of JSON.
func (w *writer) other(v any) {
	doc, err := json.Marshal(v)
	if err != nil {
		w.text("nil /* no JSON value */")
		return
	}
	decoded, err := decode(doc)
	if err != nil {
		w.text("nil /* no JSON value */")
		return
	}
	w.value(decoded)
}

// decode reads JSON, numbers as json.Number.
func decode(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// number returns the literal of a number: an int where it is one on every platform,
// a float64 where that keeps every digit, otherwise a json.Number.
func number(n json.Number) string {
	s := n.String()
	if !json.Valid([]byte(s)) || strings.TrimLeft(s, "-0123456789.eE+") != "" || s == "" {
		return quote(s) // no number at all
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		if i < math.MinInt32 || i > math.MaxInt32 {
			return "int64(" + s + ")"
		}
		return s
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return "uint64(" + s + ")"
	}
	f, err := strconv.ParseFloat(s, 64)
	if err == nil && strings.ContainsAny(s, ".eE") && sameDecimal(s, strconv.FormatFloat(f, 'e', -1, 64)) {
		return s
	}
	return "json.Number(" + strconv.Quote(s) + ")"
}

// sameDecimal reports whether two numbers of JSON are one number.
func sameDecimal(a, b string) bool {
	digitsA, exponentA, okA := decimal(a)
	digitsB, exponentB, okB := decimal(b)
	return okA && okB && digitsA == digitsB && exponentA == exponentB
}

// decimal returns a number as its significant digits, with the sign, and the power of
// ten behind them.
func decimal(s string) (digits string, exponent int, ok bool) {
	mantissa, power, scientific := strings.Cut(strings.ToLower(s), "e")
	if scientific {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > 1<<20 || exponent < -1<<20 {
			return "", 0, false
		}
	}
	negative := strings.HasPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	exponent -= len(fraction)
	digits = strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	switch {
	case short == "":
		return "0", 0, true
	case negative:
		short = "-" + short
	}
	return short, exponent, true
}
