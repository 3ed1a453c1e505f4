// Pixels: a call in the query of an image's URL.

package ingest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What a pixel's query may hold. Its message has the limits of a single call.
const (
	maxQueryBytes = 4 * MaxSingleBytes // base64 takes 4 bytes for 3, percent-encoding 3 for 1
	maxParameters = 1000               // of the flat form
	maxShownBytes = 1024               // of a bad query in Call.Raw

	messageTooLarge = "message exceeds 32768 bytes"
)

// DecodePixel reads the query of a GET for the pixel of a call. It has one of two
// forms:
//
//   - data=…, the message as base64 of JSON: either alphabet, with or without
//     padding, and whatever a mail program did to it on the way. Other
//     parameters then count for nothing, but for the write key if data has none.
//   - userId=…&properties.subject=…, flat: a dot opens an object and every value
//     is a string. Of parameters in each other's way the first one stands.
//
// It never fails, as a pixel is always answered with its image. The request it
// returns has one call. That of a bad query is BadRequest, and its Raw is
// {"query":"…"}, the query without the write key and cut to 1 KB.
func DecodePixel(call, rawQuery string, receivedAt time.Time) *Request {
	req := &Request{Route: call, WriteKey: flatKey(rawQuery)}
	raw, reason := pixelMessage(call, rawQuery)
	if reason != "" {
		req.Calls = []Call{badPixel(call, rawQuery, reason, receivedAt)}
		req.Verdict = BadRequest
		return req
	}
	m := readTop(raw)
	req.WriteKey = cmp.Or(writeKey(http.Header{}, m.writeKey, m.snakeKey), req.WriteKey)
	req.SentAt = timeOf(m.sentAt)
	c := decodeCall(call, raw, &envelope{}, receivedAt)
	if req.WriteKey == "" {
		c.Verdict, c.Reason = UnknownSource, noWriteKey
	}
	req.Calls, req.Verdict = []Call{c}, c.Verdict
	return req
}

// badPixel returns the call of a query that holds no message.
func badPixel(call, rawQuery, reason string, receivedAt time.Time) Call {
	c := Call{ReceivedAt: receivedAt, Timestamp: receivedAt, Verdict: BadRequest, Reason: reason}
	if calls[call] {
		c.Type = call
	}
	c.assignID()
	c.Raw, _ = json.Marshal(map[string]string{"query": shownQuery(rawQuery)}) // strings always encode
	return c
}

// pixelMessage returns the message in rawQuery, a JSON object, or the reason why
// there is none.
func pixelMessage(call, rawQuery string) (raw []byte, reason string) {
	switch {
	case !calls[call]:
		return nil, "the path names none of the six calls"
	case len(rawQuery) > maxQueryBytes:
		return nil, fmt.Sprintf("query exceeds %d bytes", maxQueryBytes)
	}
	if data, ok := dataOf(rawQuery); ok {
		raw, reason = decodeData(data)
	} else {
		raw, reason = nest(rawQuery)
	}
	if len(raw) > MaxSingleBytes {
		return nil, messageTooLarge
	}
	return raw, reason
}

// parameters yields the parameters of a query, decoded. What cannot be decoded
// stays as it is: a name without a value, a stray percent sign, a space.
func parameters(rawQuery string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for parameter := range strings.SplitSeq(rawQuery, "&") {
			if parameter == "" {
				continue
			}
			name, value, _ := strings.Cut(parameter, "=")
			if !yield(unescape(name), unescape(value)) {
				return
			}
		}
	}
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func dataOf(rawQuery string) (data string, ok bool) {
	for name, value := range parameters(rawQuery) {
		if name == "data" {
			return value, true
		}
	}
	return "", false
}

// flatKey returns the write key among the parameters.
func flatKey(rawQuery string) string {
	var camel, snake string
	for name, value := range parameters(rawQuery) {
		switch name {
		case "writeKey":
			camel = cmp.Or(camel, value)
		case "write_key":
			snake = cmp.Or(snake, value)
		}
	}
	return cmp.Or(camel, snake)
}

// shownQuery returns the beginning of rawQuery without the write key.
func shownQuery(rawQuery string) string {
	kept := slices.DeleteFunc(strings.Split(rawQuery, "&"), func(parameter string) bool {
		name, _, _ := strings.Cut(parameter, "=")
		name = unescape(name)
		return name == "writeKey" || name == "write_key"
	})
	shown := strings.Join(kept, "&")
	if len(shown) > maxShownBytes {
		shown = shown[:maxShownBytes] + "…"
	}
	return strings.ToValidUTF8(shown, "")
}

// anyAlphabet turns what is met of base64 into the standard alphabet without
// padding: the URL alphabet, and the plus that a query's decoding made a space.
var anyAlphabet = strings.NewReplacer("-", "+", "_", "/", " ", "+", "=", "", "\r", "", "\n", "")

// decodeData returns the JSON object in the parameter data.
func decodeData(data string) (raw []byte, reason string) {
	if strings.Contains(data, "%") { // encoded twice
		data = unescape(data)
	}
	raw, err := base64.RawStdEncoding.DecodeString(anyAlphabet.Replace(data))
	switch {
	case err != nil:
		return nil, "data is not base64"
	case deeperThan(MaxDepth, raw):
		return nil, tooDeep
	case !json.Valid(raw) || !isObject(raw[skipSpace(raw, 0):]):
		return nil, "data is not one JSON object"
	}
	return raw, ""
}

// nest returns the JSON object that flat parameters make. Its bounds are checked
// on the way, because a dot of the query costs a map.
func nest(rawQuery string) (raw []byte, reason string) {
	message, n, size := map[string]any{}, 0, 0
	for name, value := range parameters(rawQuery) {
		n, size = n+1, size+len(name)+len(value)
		switch {
		case n > maxParameters:
			return nil, fmt.Sprintf("more than %d parameters", maxParameters)
		case size > MaxSingleBytes:
			return nil, messageTooLarge
		case strings.Count(name, ".") >= MaxDepth:
			return nil, tooDeep
		}
		put(message, name, value)
	}
	if n == 0 {
		return nil, "the query is empty"
	}
	raw, _ = json.Marshal(message) // strings always encode
	return raw, ""
}

// put puts value where the dotted name says, unless something is in the way.
func put(into map[string]any, name, value string) {
	for {
		head, rest, dotted := strings.Cut(name, ".")
		there, taken := into[head]
		if !dotted {
			if !taken {
				into[head] = value
			}
			return
		}
		if !taken {
			there = map[string]any{}
			into[head] = there
		}
		inner, isObject := there.(map[string]any)
		if !isObject {
			return
		}
		into, name = inner, rest
	}
}
