package command

var completion = &Command{
	Name:    "completion",
	In:      Own,
	Usage:   Usage{Own: "bash|zsh|fish"},
	Args:    []Arg{{Name: "shell", Kind: ChoiceArg, Words: []string{"bash", "zsh", "fish"}}},
	Summary: "print a script that completes zkcli's command line in the system's shell",
	Help: "bash: zkcli completion bash > ~/.local/share/bash-completion/completions/zkcli\n" +
		"zsh:  zkcli completion zsh > a file _zkcli in a directory of $fpath\n" +
		"fish: zkcli completion fish > ~/.config/fish/completions/zkcli.fish",
	Example: []string{"completion bash"},
	Min:     1, Max: 1,
	Local: true,
	Run:   runCompletion,
}

// ScriptRecord is a completion script.
type ScriptRecord struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func runCompletion(c *Context) error {
	script, ok := completionScripts[c.Args[0]]
	if !ok {
		return errUsage
	}
	return c.Emit(ScriptRecord{c.Args[0], script}, func() { c.Print([]byte(script)) })
}

// completionScripts ask "zkcli __complete WORDS…", which prints a candidate a
// line with its meaning behind a tab.
var completionScripts = map[string]string{
	// bash splits words at colons and replaces what is behind the last one.
	"bash": `# completion of zkcli for bash
_zkcli() {
    local line=${COMP_LINE:0:COMP_POINT} words=() current cut= text
    read -r -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]}-1]}
    [[ $COMP_WORDBREAKS == *:* && $current == *:* ]] && cut=${current%"${current##*:}"}
    COMPREPLY=()
    while IFS=$'\t' read -r text _; do
        [[ $text == "$cut"* ]] || continue
        printf -v text %q "${text#"$cut"}"
        COMPREPLY+=("$text")
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */* ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o default -F _zkcli zkcli
`,
	"zsh": `#compdef zkcli
# completion of zkcli for zsh
_zkcli() {
    local -a candidates
    local line value
    for line in "${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        value=${line%%$'\t'*}
        [[ -n $value ]] && candidates+=("${value//:/\\:}:${line#*$'\t'}")
    done
    (( ${#candidates} )) && { _describe zkcli candidates -S ''; return }
    _files
}
compdef _zkcli zkcli 2>/dev/null || _zkcli "$@"
`,
	"fish": `# completion of zkcli for fish
function __zkcli_complete
    set -l words (commandline -opc)
    $words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c zkcli -f -a '(__zkcli_complete)'
`,
}
