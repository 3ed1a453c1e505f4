// Browser tests: what they are, and what they need.

// Package browsertest holds nothing but tests: clients that are not ours send to
// the collector, and Chromium looks at its pages.
//
//   - npm's @segment/analytics-next runs in a page of another origin, with
//     settings, preflights and batches as on a real website.
//   - npm's @segment/analytics-node runs in Node.
//   - Every page of the collector is opened and used: by mouse and by keyboard, dark
//     and light, on a phone, and with markup in every field that a client can fill.
//
// They need Chromium and Node, and the two clients: npm ci --ignore-scripts. Where
// one is missing its tests are skipped and say so.
//
// The pictures of the documentation are made by the program in screenshots.
package browsertest
