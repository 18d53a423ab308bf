package command

// Progress shows a line about work that takes a while.
func (c *Context) Progress(text string) { _ = text }
