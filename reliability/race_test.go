// The race detector is on.

//go:build race

package reliability_test

const underRace = true
