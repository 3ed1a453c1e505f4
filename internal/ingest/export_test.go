// The walk over an object's members, opened to its tests.

package ingest

// Members is members.
var Members = members

// Elements is elements.
var Elements = elements
