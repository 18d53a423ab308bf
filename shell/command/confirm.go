package command

import "fmt"

// Confirm asks a person at the prompt before something large or foreign goes;
// question names it. It is true where nobody is asked: in scripts, under -y,
// and with -compat, whose releases do not ask. In a protected profile the
// answer is the profile's name.
func (c *Context) Confirm(question string) bool {
	if !c.asks() {
		return true
	}
	if p := c.Shell.Profile(); p.Protected {
		return c.askForName(p, question)
	}
	return c.Shell.Confirm(question)
}

// Protected tells that a person at the prompt is to be asked before anything
// is changed here.
func (c *Context) Protected() bool { return c.asks() && c.Shell.Profile().Protected }

// asks tells whether there is somebody to ask.
func (c *Context) asks() bool {
	return c.Shell.Interactive && c.Shell.Confirm != nil && !c.Shell.Yes && c.Compat.Release == Own
}

// permit is asked before each write: in a protected profile, once a command.
func (c *Context) permit(conn *connection) error {
	p := conn.profile
	if !p.Protected || !c.asks() {
		return nil
	}
	if c.askForName(p, fmt.Sprintf("%s is protected, and %s changes it.", p.Label(), c.Command.Name)) {
		return nil
	}
	return &Failure{Text: c.Command.Name + ": nothing was changed"}
}

// askForName is true when the name is typed, or was in this command.
func (c *Context) askForName(p *Profile, question string) bool {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.permitted[p] {
		return true
	}
	if c.Shell.AskWord == nil {
		return false
	}
	answer, ok := c.Shell.AskWord(fmt.Sprintf("%s Type %s to go on: ", question, p.Label()))
	if !ok || answer != p.Label() {
		return false
	}
	if c.permitted == nil {
		c.permitted = map[*Profile]bool{}
	}
	c.permitted[p] = true
	return true
}
