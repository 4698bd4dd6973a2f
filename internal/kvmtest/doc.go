// Package kvmtest decides, for all tests of the house, what happens on a host without KVM: a test
// that needs it is skipped, or fails where TEREM_REQUIRE_KVM=1 says that the host must have it.
package kvmtest
