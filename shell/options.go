package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zookit/shell/command"
	"zookit/shell/session"
)

const defaultServers = "localhost:2181"

// options are zkcli's own, before the command.
type options struct {
	servers        string
	serversGiven   bool
	profile        string        // name of one, "" for none
	timeout        time.Duration // session
	connectTimeout time.Duration
	readOnly       bool
	wait           bool
	clientConfig   string
	compat         *command.Compat
	stopAtFailure  bool
	file           string
	lines          string // of -c
	format         command.Format
	quiet, yes     bool
	noPager        bool
	embedded       bool
	color          string // auto, always, never
	version, help  bool
	command        []string

	timeoutGiven, connectTimeoutGiven bool

	background bool         // the interactive shell: Dial returns at once
	client     clientConfig // what clientConfig says
	badTimeout string       // -timeout that is no number, in the manner of Apache
	complaints []string     // what Apache prints before it goes on
}

// optionHelp is the options with their values and meanings, in the order of
// the help text.
var optionHelp = []struct{ name, value, text string }{
	{"-server", "host:port[,…][/chroot]", "servers to try and the znode that shall be the root (default " + defaultServers + ")"},
	{"-profile", "NAME", "the profile of that name in ~/.config/zkcli/config.yaml; \"zkcli NAME\" is the same"},
	{"-timeout", "MS", "session timeout to ask for (default 30000)"},
	{"-connect-timeout", "MS", "how long to look for a server (default 5000)"},
	{"-waitforconnection", "", "look for a server for as long as -timeout says, also when all have refused"},
	{"-r", "", "a read-only server will do"},
	{"-client-configuration", "FILE", "Java properties of the client"},
	{"-f", "FILE", "run the commands in FILE, one a line (- is stdin)"},
	{"-c", "COMMANDS", "run these commands: as lines of a script, or several in a line with ; between"},
	{"-e", "", "end a script at the first command that fails"},
	{"-embedded", "", "start a throw-away server in this process and use it"},
	{"-compat", "3.4|3.8|3.9", "print as that release of zkCli.sh did (also: ZKCLI_COMPAT)"},
	{"-o", "text|table|json|jsonl", "the form of results (default text)"},
	{"-q", "", "say nothing but results and failures"},
	{"-y", "", "answer yes to every question"},
	{"-no-pager", "", "do not show long results in $PAGER"},
	{"-color", "auto|always|never", "colour (default auto: on a terminal, unless NO_COLOR is set)"},
	{"-version", "", "print the version"},
	{"-h", "", "print this text"},
}

func takesValue(name string) bool {
	for _, o := range optionHelp {
		if o.name == name {
			return o.value != ""
		}
	}
	return false
}

// parseOptions reads options up to the first word that begins without "-";
// that is the command, and everything behind it is the command's.
//
// Differs from Apache: an option that does not exist is an error. With -compat
// it is ignored as it is there.
func parseOptions(args []string, compatEnv, program string) (*options, error) {
	o := &options{servers: defaultServers, color: "auto", client: clientConfig{},
		timeout: session.DefaultSessionTimeout, connectTimeout: session.DefaultConnectTimeout}
	compatName := compatEnv
	if compatName == "" && program == "zkCli.sh" {
		compatName = "3.9"
	}
	values, missing, unknown, serverGiven := map[string]string{}, "", "", false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			o.command = args[i:]
			break
		}
		name, glued, isGlued := strings.Cut(arg, "=")
		if isGlued && takesValue(name) {
			values[name] = glued
			serverGiven = serverGiven || name == "-server"
			continue
		}
		switch arg {
		case "-r":
			o.readOnly = true
		case "-waitforconnection":
			o.wait = true
		case "-e":
			o.stopAtFailure = true
		case "-embedded":
			o.embedded = true
		case "-q":
			o.quiet = true
		case "-y":
			o.yes = true
		case "-no-pager":
			o.noPager = true
		case "-version", "--version":
			o.version = true
		case "-h", "-help", "--help":
			o.help = true
		default:
			if !takesValue(arg) {
				if unknown == "" {
					unknown = arg
				}
				continue
			}
			if i+1 == len(args) {
				missing = arg
				continue
			}
			i++
			values[arg] = args[i]
			serverGiven = serverGiven || arg == "-server"
		}
	}
	if v, ok := values["-compat"]; ok {
		compatName = v
	}
	var err error
	if o.compat, err = command.CompatFor(compatName); err != nil {
		return nil, fmt.Errorf("-compat: %w", err)
	}
	apache := o.compat.Release != command.Own
	if missing != "" {
		o.complaints = append(o.complaints, "Error: no argument found for option "+missing)
		if !apache {
			return nil, fmt.Errorf("the option %s needs a value (-h lists the options)", missing)
		}
	}
	if unknown != "" && !apache {
		return nil, fmt.Errorf("unknown option %s (-h lists the options)", unknown)
	}
	if o.embedded && serverGiven {
		return nil, errors.New("-embedded and -server exclude one another")
	}
	return o, o.setValues(values, apache)
}

func (o *options) setValues(values map[string]string, apache bool) error {
	if v, ok := values["-server"]; ok {
		o.servers, o.serversGiven = v, true
	}
	if v, ok := values["-profile"]; ok {
		o.profile = v
	}
	if o.profile != "" && (o.serversGiven || o.embedded) {
		return errors.New("a profile excludes -server and -embedded")
	}
	if v, ok := values["-timeout"]; ok {
		d, err := parseMs(v)
		if err != nil && !apache {
			return fmt.Errorf("-timeout: %w", err)
		}
		if err != nil {
			o.badTimeout = v
		}
		o.timeout, o.timeoutGiven = d, true
		if o.wait {
			o.connectTimeout = d
		}
	} else if o.wait {
		o.connectTimeout = o.timeout
	}
	if v, ok := values["-connect-timeout"]; ok {
		d, err := parseMs(v)
		if err != nil {
			return fmt.Errorf("-connect-timeout: %w", err)
		}
		o.connectTimeout, o.connectTimeoutGiven = d, true
	}
	o.clientConfig, o.file, o.lines = values["-client-configuration"], values["-f"], values["-c"]
	if v, ok := values["-o"]; ok {
		var err error
		if o.format, err = command.ParseFormat(v); err != nil {
			return fmt.Errorf("-o: %w", err)
		}
	}
	if v, ok := values["-color"]; ok {
		if v != "auto" && v != "always" && v != "never" {
			return fmt.Errorf("-color: %q is none of auto, always, never", v)
		}
		o.color = v
	}
	if o.lines != "" && (o.file != "" || len(o.command) > 0) {
		return errors.New("-c excludes -f and a command behind the options")
	}
	if o.file != "" && len(o.command) > 0 {
		return fmt.Errorf("-f %s and the command %q exclude one another", o.file, o.command[0])
	}
	return nil
}

// maxTimeoutMs is what fits into the protocol's 32 bits.
const maxTimeoutMs = 1<<31 - 1

func parseMs(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of milliseconds", text)
	}
	if n <= 0 || n > maxTimeoutMs {
		return 0, fmt.Errorf("%s ms: it must be from 1 to %d", text, maxTimeoutMs)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// check refuses values that cannot work before anything is dialed, and reads
// the client configuration. ok is false when the program shall end with code.
func (o *options) check(out *command.Console) (code int, ok bool) {
	if o.clientConfig != "" {
		if err := o.client.load(o.clientConfig); err != nil {
			out.Warn(clientConfigFailure(o, err))
			return command.ExitClientConfig, false
		}
		for _, note := range o.client.notes {
			if o.compat.Release == command.Own {
				out.Note("zkcli: " + o.clientConfig + ": " + note)
			}
		}
	}
	if o.badTimeout != "" {
		out.Warn(`Exception in thread "main" java.lang.NumberFormatException: For input string: "` + o.badTimeout + `"`)
		return command.ExitFailed, false
	}
	if strings.HasPrefix(o.servers, "file:") && o.compat.Release == command.Own {
		return 0, true
	}
	if _, _, err := session.ParseServers(o.servers); err != nil {
		out.Warn(serversFailure(o, err))
		return command.ExitFailed, false
	}
	return 0, true
}

// serversFailure words a connect string that cannot be used; Apache's shell
// dies of it.
func serversFailure(o *options, err error) string {
	if o.compat.Release == command.Own {
		return "zkcli: -server: " + err.Error()
	}
	var e *session.ServersError
	if errors.As(err, &e) && e.Err != nil {
		return `Exception in thread "main" java.lang.IllegalArgumentException: ` + e.Err.Error()
	}
	_, port, _ := strings.Cut(o.servers[strings.LastIndexByte(o.servers, ',')+1:], ":")
	return `Exception in thread "main" java.lang.NumberFormatException: For input string: "` + port + `"`
}

// helpText is what -h prints.
func helpText(compat *command.Compat) string {
	var b strings.Builder
	b.WriteString("zkcli [profile] [options] [command args…]\n\n" +
		"Runs one command, or the commands of -c, or the lines of a script (-f, or stdin when it is no terminal), or a shell.\n\nOptions:\n")
	for _, o := range optionHelp {
		fmt.Fprintf(&b, "  %-42s %s\n", strings.TrimSpace(o.name+" "+o.value), o.text)
	}
	b.WriteString("\nCommands (\"zkcli help COMMAND\" explains one):\n")
	for _, c := range command.Table(compat) {
		fmt.Fprintf(&b, "  %s\n", c.Syntax(compat))
	}
	b.WriteString("\nExit codes: 0 done; 1 failed or misused; 2 bad client configuration; 3 no connection, nothing was written;\n" +
		"4 connection lost after a write was sent, outcome unknown; 127 unknown command; 130 interrupted.\n")
	return b.String()
}
