package doctor

import "context"

// Examine looks at this host. It never fails: what it cannot find out is part of
// the report. Cancelling ctx cuts the programs off that it runs.
func Examine(ctx context.Context, o Options) Report {
	o = o.withDefaults()
	var r Report
	r.Host = examineHost(o)
	r.Platform = examinePlatform(o)
	r.KVM, r.Capabilities, r.Backend = examineKVM(o, r.Platform)
	r.Isolation = examineIsolation(o)
	r.Guest = examineGuest(o)
	r.Engines = examineEngines(ctx, o) // not at the same time as a measurement
	r.conclude()
	return r
}

// examineKVM opens the device, and asks it all that there is to ask.
func examineKVM(o Options, p Platform) (KVM, []Capability, Backend) {
	k, sys := examineDevice(o, p)
	if sys == nil {
		return k, nil, examineBackend(o, nil)
	}
	defer sys.Close()
	k.ask(sys)
	return k, examineCapabilities(o, sys), examineBackend(o, sys)
}
