// The six messages of v3.

package analytics

import "time"

// Message is what Enqueue accepts: Alias, Group, Identify, Page, Screen, Track, or a
// pointer to one.
type Message interface {
	// Validate returns a FieldError for the first field that is missing.
	Validate() error
}

// Alias joins two identities of one user. It needs both.
type Alias struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	PreviousId   string       `json:"previousId"`
	UserId       string       `json:"userId"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Group puts a user into a group. It needs a GroupId, and a UserId or AnonymousId.
type Group struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	AnonymousId  string       `json:"anonymousId,omitempty"`
	UserId       string       `json:"userId,omitempty"`
	GroupId      string       `json:"groupId"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Traits       Traits       `json:"traits,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Identify says who a user is. It needs a UserId or AnonymousId.
type Identify struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	AnonymousId  string       `json:"anonymousId,omitempty"`
	UserId       string       `json:"userId,omitempty"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Traits       Traits       `json:"traits,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Page says that a user saw a page. It needs a UserId or AnonymousId.
type Page struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	AnonymousId  string       `json:"anonymousId,omitempty"`
	UserId       string       `json:"userId,omitempty"`
	Name         string       `json:"name,omitempty"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Properties   Properties   `json:"properties,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Screen says that a user saw a screen of an app. It needs a UserId or AnonymousId.
type Screen struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	AnonymousId  string       `json:"anonymousId,omitempty"`
	UserId       string       `json:"userId,omitempty"`
	Name         string       `json:"name,omitempty"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Properties   Properties   `json:"properties,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Track says that a user did something. It needs an Event, and a UserId or
// AnonymousId.
type Track struct {
	Type         string       `json:"type,omitempty"` // set when it is sent, whatever it says
	MessageId    string       `json:"messageId,omitempty"`
	AnonymousId  string       `json:"anonymousId,omitempty"`
	UserId       string       `json:"userId,omitempty"`
	Event        string       `json:"event"`
	Timestamp    time.Time    `json:"timestamp,omitzero"`
	Context      *Context     `json:"context,omitempty"`
	Properties   Properties   `json:"properties,omitempty"`
	Integrations Integrations `json:"integrations,omitempty"`
}

// Validate implements Message.
func (msg Alias) Validate() error {
	switch {
	case msg.UserId == "":
		return missing(msg, "UserId")
	case msg.PreviousId == "":
		return missing(msg, "PreviousId")
	}
	return nil
}

// Validate implements Message.
func (msg Group) Validate() error {
	switch {
	case msg.GroupId == "":
		return missing(msg, "GroupId")
	case msg.UserId == "" && msg.AnonymousId == "":
		return missing(msg, "UserId")
	}
	return nil
}

// Validate implements Message.
func (msg Identify) Validate() error {
	if msg.UserId == "" && msg.AnonymousId == "" {
		return missing(msg, "UserId")
	}
	return nil
}

// Validate implements Message.
func (msg Page) Validate() error {
	if msg.UserId == "" && msg.AnonymousId == "" {
		return missing(msg, "UserId")
	}
	return nil
}

// Validate implements Message.
func (msg Screen) Validate() error {
	if msg.UserId == "" && msg.AnonymousId == "" {
		return missing(msg, "UserId")
	}
	return nil
}

// Validate implements Message.
func (msg Track) Validate() error {
	switch {
	case msg.Event == "":
		return missing(msg, "Event")
	case msg.UserId == "" && msg.AnonymousId == "":
		return missing(msg, "UserId")
	}
	return nil
}
