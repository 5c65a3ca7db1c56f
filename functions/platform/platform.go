// Package platform holds what the functions that keep the platform itself going
// share.
package platform

// Tag groups the operations of this domain in the API's description.
const Tag = "Platform"
