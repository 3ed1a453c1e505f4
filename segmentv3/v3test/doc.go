// Package v3test holds the proofs that package segmentv3 is what segmentio/analytics-go v3 is: one program compiled
// against both (directories theirs and ours), and v3's own tests run on our code. Its go.mod keeps v3 out of the library's.
package v3test
