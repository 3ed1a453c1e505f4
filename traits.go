// Traits: what an Identify or Group call says of a user or group, with a setter per reserved key.

package analytics

import "time"

// Traits are the fields of an Identify or Group call. It works as Properties does: any
// value that can be JSON, setters that return the map and make one when it is nil, read
// before the call returns.
//
// A trait set to nil is sent as null, which clears it; a trait that is not set keeps the
// value it has.
type Traits map[string]any

// NewTraits returns empty Traits to chain setters on.
func NewTraits() Traits { return Traits{} }

// Set sets any key. Reserved traits are camelCase here; a snake_case twin of one may
// become a second trait downstream.
func (t Traits) Set(key string, value any) Traits {
	if t == nil {
		t = Traits{}
	}
	t[key] = value
	return t
}

// AppendJSON appends the map as one object; {} when it is nil.
func (t Traits) AppendJSON(b []byte) ([]byte, error) { return appendWhole(b, t) }

// Tracking API, Spec: Identify and Spec: Group, traits reserved in both.

// SetAddress sets address of a user or a group.
func (t Traits) SetAddress(address Address) Traits { return t.Set("address", address) }

// SetAvatar sets avatar, the URL of an image.
func (t Traits) SetAvatar(url string) Traits { return t.Set("avatar", url) }

// SetCreatedAt sets createdAt: when the account was made.
func (t Traits) SetCreatedAt(at time.Time) Traits { return t.Set("createdAt", at) }

// SetDescription sets description.
func (t Traits) SetDescription(text string) Traits { return t.Set("description", text) }

// SetEmail sets email.
func (t Traits) SetEmail(email string) Traits { return t.Set("email", email) }

// SetID sets id, that of the user or group in your database.
func (t Traits) SetID(id string) Traits { return t.Set("id", id) }

// SetName sets name. Of a user without one the API makes it of first and last name.
func (t Traits) SetName(name string) Traits { return t.Set("name", name) }

// SetPhone sets phone.
func (t Traits) SetPhone(phone string) Traits { return t.Set("phone", phone) }

// SetWebsite sets website.
func (t Traits) SetWebsite(url string) Traits { return t.Set("website", url) }

// Tracking API, Spec: Identify, reserved traits of a user.

// SetAge sets age in years.
func (t Traits) SetAge(years int) Traits { return t.Set("age", years) }

// SetBirthday sets birthday.
func (t Traits) SetBirthday(day time.Time) Traits { return t.Set("birthday", day) }

// SetCompany sets company the user belongs to.
func (t Traits) SetCompany(company Company) Traits { return t.Set("company", company) }

// SetFirstName sets firstName.
func (t Traits) SetFirstName(name string) Traits { return t.Set("firstName", name) }

// SetGender sets gender.
func (t Traits) SetGender(gender string) Traits { return t.Set("gender", gender) }

// SetLastName sets lastName.
func (t Traits) SetLastName(name string) Traits { return t.Set("lastName", name) }

// SetTitle sets title, such as "VP of Engineering".
func (t Traits) SetTitle(title string) Traits { return t.Set("title", title) }

// SetUsername sets username, unique among your users.
func (t Traits) SetUsername(name string) Traits { return t.Set("username", name) }

// Tracking API, Spec: Group, reserved traits of a group.

// SetEmployees sets employees. The specification's table makes it a text while all its examples
// send a number; so does this.
func (t Traits) SetEmployees(n int) Traits { return t.Set("employees", n) }

// SetIndustry sets industry.
func (t Traits) SetIndustry(industry string) Traits { return t.Set("industry", industry) }

// SetPlan sets plan, such as "enterprise".
func (t Traits) SetPlan(plan string) Traits { return t.Set("plan", plan) }

// Address is the value of the address trait. Empty fields are left out.
type Address struct {
	City       string `json:"city,omitempty"`
	Country    string `json:"country,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
	State      string `json:"state,omitempty"`
	Street     string `json:"street,omitempty"`
}

// Company is the value of the company trait of a user. Empty fields are left out.
type Company struct {
	Name          string `json:"name,omitempty"`
	ID            any    `json:"id,omitempty"` // a string or a number
	Industry      string `json:"industry,omitempty"`
	EmployeeCount int    `json:"employee_count,omitempty"`
	Plan          string `json:"plan,omitempty"`
}

func appendAddress(b []byte, a Address, lim bounds) ([]byte, error) {
	o := object{b: append(b, '{'), lim: lim}
	o.text("city", a.City)
	o.text("country", a.Country)
	o.text("postalCode", a.PostalCode)
	o.text("state", a.State)
	o.text("street", a.Street)
	return o.end()
}

func appendCompany(b []byte, c Company, lim bounds) ([]byte, error) {
	o := object{b: append(b, '{'), lim: lim}
	o.text("name", c.Name)
	if c.ID != nil {
		o.value("id", c.ID)
	}
	o.text("industry", c.Industry)
	o.whole("employee_count", c.EmployeeCount)
	o.text("plan", c.Plan)
	return o.end()
}
