// Shapes: the keys of maps encoded before, in order, so that the next one of the kind is not put in order again.

package analytics

const (
	// ordered is how many members an object made of a map may have to be put in order.
	ordered = 16
	// shapeDepths is how many objects inside each other have their shapes kept:
	// properties, what is in them, and what is in that.
	shapeDepths = 3
	// maxShapeBytes bounds the keys of one shape.
	maxShapeBytes = 1 << 10
)

// shapes keeps, for each depth and number of members, the shape of the map encoded last.
// A service makes few kinds of map, and the keys of one are looked up in half the time
// that putting them in order takes. One encoding may use it at a time.
type shapes [shapeDepths][ordered + 1]shape

// at returns where the shape of a map of n members is kept; nil if it is not.
func (s *shapes) at(depth, n int) *shape {
	if s == nil || depth > shapeDepths || n > ordered {
		return nil
	}
	return &s[depth-1][n]
}

// shape is the keys of a map in order, as JSON with their colons, one behind the other.
type shape struct {
	text []byte
	ends [ordered]int // of the keys in text
	keys int
	miss int // maps that had another shape
}

// key returns a key as JSON with its colon.
func (s *shape) key(i int) []byte {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.text[start:s.ends[i]]
}

// name returns a key as it is in the map: none in a shape needs an escape.
func (s *shape) name(i int) []byte {
	key := s.key(i)
	return key[1 : len(key)-len(`":`)]
}

// add adds a key behind the others, which begin with the first after forget.
func (s *shape) add(key string) {
	switch {
	case s == nil:
		return
	case s.keys < 0 || !plain(key) || len(s.text)+len(key) > maxShapeBytes:
		s.keys = -1 // none for this map
		return
	}
	s.text = appendKey(s.text, key)
	s.ends[s.keys] = len(s.text)
	s.keys++
}

// yield returns s if the map at hand is to take its place, and nil otherwise: of several
// kinds of map that come in turn, one is known for some time.
func (s *shape) yield() *shape {
	if s == nil {
		return nil
	}
	if s.miss++; s.keys > 0 && s.miss%4 != 0 {
		return nil
	}
	return s
}

func (s *shape) forget() {
	if s != nil {
		s.text, s.keys, s.miss = s.text[:0], 0, 0
	}
}

// look finds the values of m, in the order of its keys. It reports false if m has
// another shape than s.
func look[T any](s *shape, m map[string]T, values *[ordered]T) bool {
	if s == nil || s.keys != len(m) {
		return false
	}
	for i := range s.keys {
		v, ok := m[string(s.name(i))] // no copy: it is only looked up
		if !ok {
			return false
		}
		values[i] = v
	}
	return true
}
