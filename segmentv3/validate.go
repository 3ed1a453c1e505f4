// ValidateFields: Validate for messages that are not one of the six structs.

package analytics

// FieldGetter is a message whose fields have names as on the wire: "userId".
type FieldGetter interface {
	GetField(field string) (any, bool)
}

// ValidateFields does what Validate does, for a message whose field "type" says which of
// the six it is. The error is a FieldError.
func ValidateFields(msg FieldGetter) error {
	text := func(field string) string {
		v, _ := msg.GetField(field)
		s, _ := v.(string)
		return s
	}
	kind, _ := msg.GetField("type")
	user, anonymous := text("userId"), text("anonymousId")
	switch kind {
	case "alias":
		return Alias{UserId: user, PreviousId: text("previousId")}.Validate()
	case "group":
		return Group{UserId: user, AnonymousId: anonymous, GroupId: text("groupId")}.Validate()
	case "identify":
		return Identify{UserId: user, AnonymousId: anonymous}.Validate()
	case "page":
		return Page{UserId: user, AnonymousId: anonymous}.Validate()
	case "screen":
		return Screen{UserId: user, AnonymousId: anonymous}.Validate()
	case "track":
		return Track{UserId: user, AnonymousId: anonymous, Event: text("event")}.Validate()
	}
	return FieldError{Type: "analytics.Event", Name: "Type", Value: kind}
}
