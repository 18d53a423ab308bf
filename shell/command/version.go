package command

var version = &Command{
	Name:    "version",
	In:      Since38,
	Summary: "print the version of this program",
	Run:     runVersion,
}

// apacheVersions are the releases whose manner is imitated, as their version
// command names them.
var apacheVersions = map[Release]string{Release38: "3.8.0", Release39: "3.9.5"}

func runVersion(c *Context) error {
	if len(c.Args) > 0 {
		return errUsage
	}
	if c.Shell.Format != FormatText {
		return c.Emit(VersionRecord{"zkcli", c.Shell.Version, c.Shell.Built}, nil)
	}
	built := c.Shell.Built
	if built == "" {
		built = "an unknown date"
	}
	if v := apacheVersions[c.Compat.Release]; v != "" {
		c.Printf("ZooKeeper CLI version: %s-zkcli-%s, built on %s\n", v, c.Shell.Version, built)
		return nil
	}
	c.Printf("ZooKeeper CLI version: zkcli %s, built on %s\n", c.Shell.Version, built)
	return nil
}
