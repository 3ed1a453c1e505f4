// The race detector is off.

//go:build !race

package reliability_test

const underRace = false
