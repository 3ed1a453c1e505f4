// Flags: one declaration in one line.

package sources

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseFlag reads a declaration as a command line has it:
//
//	name=Shop,type=website,key=abc,disabled
//
// The fields are id, name, type, key, disabled and deleted, each at most once, in
// any order, with space around them left out. disabled and deleted stand alone or have
// the value true or false. A backslash makes the character after it, a comma or a
// backslash, a part of the value. The error wraps an *Error, or says which part is none
// of the fields; whether the declaration means a source is for Apply to say.
func ParseFlag(s string) (Declaration, error) {
	var d Declaration
	parts, err := splitFlag(s)
	if err != nil {
		return Declaration{}, err
	}
	seen := map[string]bool{}
	for i, part := range parts {
		field, value, given := strings.Cut(part, "=")
		field, value = strings.TrimSpace(field), strings.TrimSpace(value)
		if !isFlagField(field) {
			// The part may be a key whose "key=" was forgotten: it is not shown.
			return Declaration{}, fmt.Errorf("sources: flag: part %d is none of id=…, name=…, type=…, key=…, disabled and deleted", i+1)
		}
		if seen[field] {
			return Declaration{}, fmt.Errorf("sources: flag: %w", bad(field, "is given twice"))
		}
		seen[field] = true
		if err := d.setField(field, value, given); err != nil {
			return Declaration{}, fmt.Errorf("sources: flag: %w", err)
		}
	}
	if d.identity() == "" {
		return Declaration{}, fmt.Errorf("sources: flag: %w", bad("name", "is missing, and so are id and key"))
	}
	return d, nil
}

func isFlagField(field string) bool {
	switch field {
	case "id", "name", "type", "key", "disabled", "deleted":
		return true
	}
	return false
}

// setField sets one field and checks it by itself. given is false when it stood alone.
func (d *Declaration) setField(field, value string, given bool) error {
	switch field {
	case "disabled":
		return setSwitch(&d.Disabled, field, value, given)
	case "deleted":
		return setSwitch(&d.Deleted, field, value, given)
	}
	if value == "" {
		return bad(field, "has no value; write "+field+"=…")
	}
	var err error
	switch field {
	case "id":
		d.ID, err = value, checkSlug(value)
	case "name":
		d.Name, err = checkName(value)
	case "type":
		d.Type, err = ParseType(value)
	case "key":
		d.Key, err = value, checkKey(value)
	}
	return err
}

func setSwitch(to *bool, field, value string, given bool) error {
	on, err := strconv.ParseBool(value)
	if !given {
		on, err = true, nil
	}
	if err != nil {
		return bad(field, "stands alone or is true or false")
	}
	*to = on
	return nil
}

// splitFlag splits at the commas that no backslash precedes, and takes the
// backslashes out.
func splitFlag(s string) ([]string, error) {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i == len(s) {
				return nil, fmt.Errorf("sources: flag: ends with a backslash; two stand for one")
			}
			part.WriteByte(s[i])
		case ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String()), nil
}
