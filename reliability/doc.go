// Package reliability holds no code, only the tests behind RELIABILITY.md: what
// the library promises under faults, each promise with the test that breaks it.
//
// The short forms run with every go test. make soak runs the long ones, and
// make reliability also writes RELIABILITY.md from what they measured.
package reliability
