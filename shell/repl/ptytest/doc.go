// Package ptytest runs a program in a pseudo-terminal, types for it, and looks at the screen it draws.
package ptytest
