// Traits: what is known of a user or a group, and their setters.

package analytics

import "time"

// Traits are what is known of a user or a group.
type Traits map[string]any

// NewTraits returns empty Traits.
func NewTraits() Traits { return make(Traits) }

// Set sets a trait and returns t, which must not be nil.
func (t Traits) Set(field string, value any) Traits {
	t[field] = value
	return t
}

// SetAddress sets the trait "address".
func (t Traits) SetAddress(address string) Traits { return t.Set("address", address) }

// SetAge sets the trait "age".
func (t Traits) SetAge(age int) Traits { return t.Set("age", age) }

// SetAvatar sets the trait "avatar".
func (t Traits) SetAvatar(url string) Traits { return t.Set("avatar", url) }

// SetBirthday sets the trait "birthday".
func (t Traits) SetBirthday(date time.Time) Traits { return t.Set("birthday", date) }

// SetCreatedAt sets the trait "createdAt".
func (t Traits) SetCreatedAt(date time.Time) Traits { return t.Set("createdAt", date) }

// SetDescription sets the trait "description".
func (t Traits) SetDescription(desc string) Traits { return t.Set("description", desc) }

// SetEmail sets the trait "email".
func (t Traits) SetEmail(email string) Traits { return t.Set("email", email) }

// SetFirstName sets the trait "firstName".
func (t Traits) SetFirstName(name string) Traits { return t.Set("firstName", name) }

// SetGender sets the trait "gender".
func (t Traits) SetGender(gender string) Traits { return t.Set("gender", gender) }

// SetLastName sets the trait "lastName".
func (t Traits) SetLastName(name string) Traits { return t.Set("lastName", name) }

// SetName sets the trait "name".
func (t Traits) SetName(name string) Traits { return t.Set("name", name) }

// SetPhone sets the trait "phone".
func (t Traits) SetPhone(phone string) Traits { return t.Set("phone", phone) }

// SetTitle sets the trait "title".
func (t Traits) SetTitle(title string) Traits { return t.Set("title", title) }

// SetUsername sets the trait "username".
func (t Traits) SetUsername(username string) Traits { return t.Set("username", username) }

// SetWebsite sets the trait "website".
func (t Traits) SetWebsite(url string) Traits { return t.Set("website", url) }
