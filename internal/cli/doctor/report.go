package doctor

import "fmt"

// schema is raised when a name of the JSON report changes its meaning.
const schema = 1

// State is the outcome of a check.
type State string

// The outcomes of a check.
const (
	OK      State = "ok"
	Warn    State = "warn"    // there, but not as it should be
	Missing State = "missing" // not there, or not usable
)

// A Check is one thing that was looked at.
type Check struct {
	Name     string `json:"name"`
	State    State  `json:"state"`
	Required bool   `json:"required"`         // `terem run` cannot work without it
	Detail   string `json:"detail,omitempty"` // what was found
	Why      string `json:"why,omitempty"`    // what follows from it
	Mend     string `json:"mend,omitempty"`   // the command that mends it
}

// Host is the machine, physical or virtual.
type Host struct {
	CPU       string `json:"cpu"`
	Vendor    string `json:"vendor"`
	Cores     int    `json:"cores"`
	Threads   int    `json:"threads"`
	Memory    uint64 `json:"memory_bytes"`
	Available uint64 `json:"available_bytes"`
	Kernel    string `json:"kernel"`
	OS        string `json:"os"`
}

// Platform is what the host itself runs on.
type Platform struct {
	Virtual       bool   `json:"virtual"`
	Hypervisor    string `json:"hypervisor,omitempty"`
	Signature     string `json:"signature,omitempty"` // of CPUID leaf 0x40000000
	Type          Type   `json:"type,omitempty"`
	TypeNote      string `json:"type_note,omitempty"`
	Product       string `json:"product,omitempty"` // by the firmware's DMI tables
	Container     string `json:"container"`
	ContainerNote string `json:"container_note,omitempty"`
}

// KVM is the device that VMs are made with.
type KVM struct {
	Check
	Path          string   `json:"path"`
	Mode          string   `json:"mode,omitempty"` // octal, as for chmod
	Owner         string   `json:"owner,omitempty"`
	Group         string   `json:"group,omitempty"`
	Opened        bool     `json:"opened"`
	APIVersion    int      `json:"api_version,omitempty"`
	VCPUsAdvised  int      `json:"vcpus_advised,omitempty"`
	VCPUsMost     int      `json:"vcpus_most,omitempty"`
	GuestFeatures []string `json:"guest_features,omitempty"`
}

// Backend is what stands behind the device.
type Backend struct {
	Check
	Kind     Kind     `json:"kind"`
	Module   string   `json:"module,omitempty"`
	CPUFlag  string   `json:"cpu_flag,omitempty"` // vmx or svm
	Hardware []string `json:"hardware_features,omitempty"`
	// Speed is how many instructions of a guest's kernel run in a second; 0: unknown.
	Speed   float64  `json:"instructions_per_second,omitempty"`
	Defects []string `json:"defects,omitempty"`
}

// Capability is a feature of the KVM API that terem uses.
type Capability struct {
	Check
	Cap   int `json:"cap"`   // KVM_CAP_*
	Value int `json:"value"` // of KVM_CHECK_EXTENSION
}

// Isolation is what the host's kernel offers to containers.
type Isolation struct {
	Cgroups        Cgroups `json:"cgroups"`
	UserNamespaces Check   `json:"user_namespaces"`
}

// Cgroups are the resource controllers.
type Cgroups struct {
	Check
	Version     string   `json:"version"` // v1, v2, hybrid, none
	Controllers []string `json:"controllers"`
}

// Engine is a program to compare terem with.
type Engine struct {
	Check
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"` // the first line that it prints
	Package string `json:"package"`           // of Debian
}

// Guest is what terem boots by default, and what building it takes.
type Guest struct {
	Kernel GuestKernel `json:"kernel"`
	Cache  Cache       `json:"cache"`
	Tools  Tools       `json:"tools"`
}

// GuestKernel says whether the default guest is built.
type GuestKernel struct {
	Check
	Version string `json:"kernel_version,omitempty"`
}

// Cache is where built guests are kept.
type Cache struct {
	Check
	Dir  string `json:"cache_dir"`
	Free uint64 `json:"free_bytes"`
}

// Tools are the programs and files that building the guest takes.
type Tools struct {
	Check
	Packages []string `json:"missing_packages"`
}

// Report is all that Examine found.
type Report struct {
	Schema       int          `json:"schema"`
	Ready        bool         `json:"ready"`
	Summary      string       `json:"summary"`
	Host         Host         `json:"host"`
	Platform     Platform     `json:"platform"`
	KVM          KVM          `json:"kvm"`
	Backend      Backend      `json:"backend"`
	Capabilities []Capability `json:"capabilities"`
	Isolation    Isolation    `json:"isolation"`
	Engines      []Engine     `json:"engines"`
	Guest        Guest        `json:"guest"`
}

// OK says whether `terem run` can start a VM here: nothing that it requires is
// missing. The default guest need not be built, as --kernel names another.
func (r Report) OK() bool { return r.obstacle() == nil }

// obstacle is the first required thing that is missing.
func (r Report) obstacle() *Check {
	for _, c := range r.checks() {
		if c.Required && c.State == Missing {
			return &c
		}
	}
	return nil
}

// checks lists all checks in the order of the text.
func (r Report) checks() []Check {
	all := []Check{r.KVM.Check, r.Backend.Check}
	for _, c := range r.Capabilities {
		all = append(all, c.Check)
	}
	all = append(all, r.Isolation.Cgroups.Check, r.Isolation.UserNamespaces)
	for _, e := range r.Engines {
		all = append(all, e.Check)
	}
	return append(all, r.Guest.Kernel.Check, r.Guest.Cache.Check, r.Guest.Tools.Check)
}

// conclude fills in what follows from the rest.
func (r *Report) conclude() {
	r.Schema = schema
	r.Ready = r.OK()
	r.Summary = r.verdict()
}

func (r Report) verdict() string {
	if c := r.obstacle(); c != nil {
		return fmt.Sprintf("terem run cannot work on this host: %s: %s", c.Name, c.Detail)
	}
	how := "with hardware virtualization (" + r.Backend.Kind.title() + ")"
	if r.Backend.Kind == Software {
		how = "with a software KVM"
		if r.Backend.Speed < softwareLimit {
			how += ": slowly in the guest's kernel"
		}
	}
	if r.Guest.Kernel.State != OK {
		return "terem run can start VMs here, " + how + "; build the default guest first: " + r.Guest.Kernel.Mend
	}
	return "terem run works here, " + how
}
