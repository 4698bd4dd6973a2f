// Package recipe hashes all that goes into the default guest: configuration, patches and programs of this module, and the
// tools of a machine. The hashes name the guest's place in the cache.
//
// To hash takes a millisecond, and a guest's start is not to wait for that: what this module brings is hashed when terem is
// built (guest/stamp), and package guest has it as two constants.
package recipe
