package build

// applets are the names of busybox in /bin.
var applets = []string{"sh"}
