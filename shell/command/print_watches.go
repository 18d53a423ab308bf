package command

var printWatches = &Command{
	Name:    "printwatches",
	Usage:   Usage{R38: "on|off"},
	Args:    []Arg{{Name: "on|off", Kind: ChoiceArg, Words: wordsOf("on", "off")}},
	Summary: "show watch events or keep quiet about them",
	Example: []string{"printwatches off"},
	RawArgs: true,
	Max:     1,
	Local:   true,
	Run:     runPrintWatches,
}

func runPrintWatches(c *Context) error {
	sh := c.Shell
	if len(c.Args) == 0 {
		word := "off"
		if sh.printsWatches() {
			word = "on"
		}
		return c.Emit(SwitchRecord{"printwatches", word == "on"}, func() { c.Printf("printwatches is %s\n", word) })
	}
	on := c.Args[0] == "on"
	if !on && c.Args[0] != "off" && c.Compat.Release == Own {
		return errUsage
	}
	sh.mu.Lock()
	sh.watches = on
	sh.mu.Unlock()
	return c.emitSilent(SwitchRecord{"printwatches", on})
}

func (s *Shell) printsWatches() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watches
}
