package shell

import (
	"context"
	"os"

	"zookit/shell/command"
	"zookit/shell/repl"
)

// fullScreen lets a command have the whole window; nil where there is none.
func fullScreen(env Env) command.FullScreen {
	in, isFile := env.Stdin.(*os.File)
	out, isFile2 := env.Stdout.(*os.File)
	if !isFile || !isFile2 || !env.StdinTerminal || !env.StdoutTerminal || env.Getenv("TERM") == "dumb" {
		return nil
	}
	return func(ctx context.Context, changed <-chan struct{}, draw func(cols, rows int) []command.ScreenRow, key func(string) bool) error {
		return repl.RunFullScreen(ctx, in, out, repl.FullScreen{
			Draw: func(cols, rows int) []repl.ScreenRow {
				list := draw(cols, rows)
				rowsOf := make([]repl.ScreenRow, len(list))
				for i, r := range list {
					rowsOf[i] = repl.ScreenRow(r)
				}
				return rowsOf
			},
			Key:     key,
			Changed: changed,
		})
	}
}
