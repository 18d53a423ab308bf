package command

var completion = &Command{
	Name:    "completion",
	In:      Own,
	Usage:   Usage{Own: "bash|zsh|fish"},
	Args:    []Arg{{Name: "shell", Kind: ChoiceArg, Words: wordsOf("bash", "zsh", "fish")}},
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
// line with its meaning behind a tab; bash, which shows no meanings, asks with
// the whole line and takes what replaces the word at the cursor.
var completionScripts = map[string]string{
	"bash": `# completion of zkcli for bash
_zkcli() {
    local text
    COMPREPLY=()
    while IFS= read -r text; do
        COMPREPLY+=("$text")
    done < <("${1/#\~\//$HOME/}" __complete-bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */* ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -F _zkcli zkcli
`,
	// A path goes on, so no blank follows it. When no candidate begins with what
	// is typed they only hold its letters: -U keeps zsh from throwing them away,
	// and several are gone through, since what they have in common may be less
	// than what is typed.
	"zsh": `#compdef zkcli
# completion of zkcli for zsh
_zkcli() {
    local -a open closed loose=(-U)
    local line value text typed=${(Q)words[CURRENT]#[\"\']}
    for line in "${(@f)$(${(Q)~words[1]} __complete "${(@Q)words[2,CURRENT-1]}" "$typed" 2>/dev/null)}"; do
        value=${line%%$'\t'*} text=${line#*$'\t'}
        [[ -n $value ]] || continue
        [[ $value == "$typed"* ]] && loose=()
        if [[ $value == */* ]]; then
            open+=("${value//:/\\:}${text:+:$text}")
        else
            closed+=("${value//:/\\:}${text:+:$text}")
        fi
    done
    (( ${#open} + ${#closed} )) || return 1
    (( ${#loose} && ${#open} + ${#closed} > 1 )) && compstate[insert]=menu
    _describe zkcli closed $loose -- open -S '' $loose
}
if [[ $funcstack[1] == _zkcli ]]; then
    _zkcli "$@"
else
    compdef _zkcli zkcli
fi
`,
	"fish": `# completion of zkcli for fish
function __zkcli_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l plain (string unescape -- "$typed"; or string trim --left --chars "\"'" -- "$typed")
    command $words[1] __complete $words[2..-1] "$plain" 2>/dev/null
end
complete -c zkcli -f -a '(__zkcli_complete)'
`,
}
