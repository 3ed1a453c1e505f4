// Random batches of everything a message can have wrong, judged twice.

package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// requireOracle checks the calls that Decode made of body.
func requireOracle(t *testing.T, req *ingest.Request, body []byte) {
	t.Helper()
	want := oracle(req.Route, body)
	require.Len(t, req.Calls, len(want))
	for i, got := range req.Calls {
		rebuilt := ingest.Call{
			Type: got.Type, MessageID: got.MessageID, ReceivedAt: got.ReceivedAt, Raw: got.Raw, Envelope: got.Envelope,
		}
		require.Equal(t, got.Message(), rebuilt.Message())
		if m := got.Message(); m != nil {
			require.Equal(t, got.Timestamp.Format("2006-01-02T15:04:05.000Z"), m["timestamp"])
		}
		if got.Assigned {
			require.Len(t, got.MessageID, 36)
			got.MessageID = ""
		}
		if req.WriteKey == "" {
			require.Equal(t, ingest.UnknownSource, got.Verdict)
			got.Verdict, got.Reason = want[i].Verdict, want[i].Reason
		}
		got.Raw, got.Envelope = nil, nil
		require.Equal(t, want[i], got, "message %d of %s", i, body)
	}
}

// choices are the values to pick from for each member; "" leaves it out. What
// is left out or right comes often, or nothing else would ever be judged.
var choices = map[string][]string{
	"type":              {`"track"`, `"track"`, `"identify"`, `"page"`, `"screen"`, `"group"`, `"alias"`, `"batch"`, `"tr\u0061ck"`, `7`, ``},
	"messageId":         {`"m"`, ``, `""`, `null`, `7`, `"` + strings.Repeat("é", 101) + `"`},
	"userId":            {`"u"`, `"u"`, `"u"`, `"u\n"`, ``, `null`, `""`, `12`, `{}`},
	"anonymousId":       {`"a"`, ``, ``, ``, `null`, `""`, `true`},
	"previousId":        {`"p"`, `"p"`, ``, `null`, `""`, `[]`},
	"groupId":           {`"g"`, `"g"`, ``, `null`, `""`, `0`},
	"event":             {`"E"`, `"E"`, `"Segment Consent Preference Updated"`, `"Segment Consent Preference \u0055pdated"`, ``, `null`, `""`, `3`, "\"\xff\""},
	"name":              {``, `"n"`, `null`, `""`, `1`},
	"category":          {``, `"c"`, `null`, `""`, `1`},
	"properties":        {`{}`, `{"a":[1,{"b":"}"}]}`, ``, `null`, `[]`, `"p"`, `-1e5`},
	"traits":            {`{}`, ``, `null`, `[]`, `false`},
	"timestamp":         {`"2026-03-04T05:00:00.123Z"`, `"2026-3-4T05:00:00+01:00"`, ``, `"then"`, `1700000000`},
	"originalTimestamp": {``, ``, `"2026-03-04T05:00:00-0530"`, `"then"`, `null`},
	"sentAt":            {``, ``, `"2026-03-04T05:05:00"`, `null`, `"then"`, `7`},
	"ip":                {``, `"::1"`, `null`, `""`},
	"direct":            {``, `true`, `false`, `"true"`, `null`},
	"advertisingId":     {``, `"7"`, `7`, `null`},
	"version":           {``, `2`, `-1`, `"2"`, `null`},
	"ads":               {`true`, `false`, ``, `"yes"`, `null`},
	"sales":             {`true`, ``, `0`},
}

// pick returns the members of one object, keys in random order, now and then
// one twice or with an escape in its name.
func pick(r *rand.Rand, keys ...string) string {
	var members []string
	for _, i := range r.Perm(len(keys)) {
		for range 1 + r.IntN(8)/7 {
			key, value := keys[i], ""
			switch key {
			case "context", "device", "app", "consent", "categoryPreferences":
				value = nested(r, key)
			default:
				value = choices[key][r.IntN(len(choices[key]))]
			}
			if r.IntN(20) == 0 {
				key = fmt.Sprintf(`\u%04x%s`, key[0], key[1:])
			}
			if value != "" {
				members = append(members, `"`+key+`": `+value)
			}
		}
	}
	return "{ " + strings.Join(members, " ,\n") + " }"
}

func nested(r *rand.Rand, key string) string {
	switch r.IntN(12) {
	case 0:
		return `null`
	case 1:
		return `[]`
	case 2, 3, 4:
		return ``
	}
	switch key {
	case "context":
		return pick(r, "device", "app", "consent", "direct", "ip")
	case "device":
		return pick(r, "advertisingId", "version")
	case "consent":
		return pick(r, "categoryPreferences", "version")
	case "categoryPreferences":
		return pick(r, "ads", "sales")
	}
	return pick(r, "version", "name")
}

func TestDecodeAgreesWithItsOracle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[ingest.Verdict]int{}
	for range 600 {
		var items []string
		for range 4 {
			items = append(items, pick(r, "type", "messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name",
				"category", "properties", "traits", "timestamp", "originalTimestamp", "sentAt", "context"))
		}
		envelope := strings.TrimSuffix(pick(r, "context", "sentAt"), " }")
		if envelope != "{ " {
			envelope += ","
		}
		bodies := map[string]string{
			"batch": envelope + `"batch":[` + strings.Join(items, ", ") + `]}`,
			"group": items[0], "track": items[1], "page": items[2], "alias": items[3],
		}
		for route, body := range bodies {
			req, err := ingest.Decode(route, http.Header{"Authorization": {"Basic S0VZOg=="}}, []byte(body), received)
			require.NoError(t, err, body)
			requireOracle(t, req, []byte(body))
			for _, c := range req.Calls {
				seen[c.Verdict]++
			}
		}
	}
	for _, v := range []ingest.Verdict{
		ingest.Accepted, ingest.NoUserAnonID, ingest.IDRequired, ingest.IDNotString, ingest.EventNotDefined, ingest.EventNotString,
		ingest.PropertiesNotObject, ingest.TraitsNotObject, ingest.NameNotString, ingest.CategoryNotString, ingest.ConsentMissing,
		ingest.ConsentNotObject, ingest.ConsentNotBool, ingest.ConsentVersionNotNumber, ingest.AdvertisingIDNotString, ingest.BadRequest,
	} {
		require.Greater(t, seen[v], 5, v)
	}
}
