# SPDX-License-Identifier: MIT
"""The commands of tests/cluster/pbs: they read options and scripts, ask pbs_server.py, and print as OpenPBS 23.06 does.

    pbs_commands.py DIR COMMAND [ARGUMENT...]

COMMAND is qsub, qstat, qdel, qrls, qhold, qalter, qselect or qmgr; or kill-mom, start-mom. Messages and exit codes are those that
were seen on the real one. An option that it has and that is not done here ends with exit code 99, never silently.
"""

import getopt
import grp
import json
import os
import pwd
import re
import shlex
import socket
import stat
import sys
import time

MESSAGES = {
    15001: "Unknown Job Id",
    15004: "Invalid request",
    15007: "Unauthorized Request ",
    15014: "Illegal attribute or resource value",
    15016: "Request invalid for state of job",
    15018: "Unknown queue",
    15021: "Queue is not enabled",
    15035: "Unknown resource",
    15036: "Job violates queue and/or server resource limits",
    15107: "Array job exceeds server or queue size limit",
    15139: "Job has finished",
    15045: "Bad GID for job execution",
    15142: "would exceed {} per-user limit",
    15159: "Request invalid for finished array subjob",
}
NOT_CONNECTED = 15010
NAME = re.compile(r"[A-Za-z0-9._+-]{1,230}")
JOB_ID = re.compile(r"\d+(\[[0-9,-]*\])?(\.srv)?")
DEPEND_ID = re.compile(r"\d+(\[\])?(\.[\w.-]+)?(@[\w.-]+)?")
ARRAY_RANGE = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?:%(.*))?", re.S)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|0[xX][0-9a-fA-F]+|inf|infinity|nan)", re.I)
USAGE = """usage: qsub [-a date_time] [-A account_string] [-c interval]
\t[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
\t[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
\t[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
\t[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
\t[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version"""


class Fail(Exception):
    """Ends the command with a message and an exit code."""

    def __init__(self, text, code):
        super().__init__(text)
        self.text = text
        self.code = code


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code
        self.text = text


def exit_code(code):
    return code & 255


def complain(text):
    sys.stdout.flush()
    print(text, file=sys.stderr)


class Server:
    """The way to the daemon. The socket is reached through an open folder, for its path may be too long."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "flavour"), encoding="utf-8") as file:
            self.torque = file.read().strip() == "torque"

    def ask(self, op, **request):
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.connect(f"/proc/self/fd/{descriptor}/sock")
                with link.makefile("rw", encoding="utf-8") as stream:
                    stream.write(json.dumps(dict(request, op=op)) + "\n")
                    stream.flush()
                    line = stream.readline()
        finally:
            os.close(descriptor)
        if not line:
            raise ConnectionResetError("the server went away")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"], answer["text"])
        return answer


def refused_by(name, refusal, subject=""):
    """Prints a refusal as the commands do; its exit code."""
    text = MESSAGES.get(refusal.code, "")
    if refusal.code == -1:
        complain(f"{name}: PBS is not configured to maintain job history {refusal.text}")
        return 0
    complain(f"{name}: {text} {subject or refusal.text}".rstrip())
    return exit_code(refusal.code)


def options_of(name, argv, letters, todo=""):
    """getopt, with the usage error's exit code; letters in `todo` exist on a real one only."""
    try:
        options, rest = getopt.getopt(argv, letters + todo)
    except getopt.GetoptError as fault:
        raise Fail(f"{name}: invalid option -- '{fault.opt}'\nusage: {name} ...", 2) from None
    for letter, _ in options:
        if letter[1] in todo.replace(":", ""):
            raise Fail(f"{name}: the stand-in has no {letter}", 99)
    return options, rest


def illegal_id(name, ident):
    complain(f"{name}: illegally formed job identifier: {ident}")
    return 1


# ---- qsub


class Submission:
    """The options of one qsub, from the command line and from directives: the command line wins. Of a directive's -l and -W the
    first of each name counts, of everything else the last."""

    openpbs = "A:C:e:fhj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:v:VW:z"
    torque = "A:C:d:e:hj:k:l:m:M:N:o:p:q:r:S:t:u:v:VW:z"

    def __init__(self, torque):
        self.is_torque = torque
        self.letters = self.torque if torque else self.openpbs
        self.values = {}
        self.from_command = set()
        self.resources = {}
        self.extra = {}

    def read(self, argv, command):
        """Takes options; the words after them."""
        options, rest = getopt.getopt(argv, self.letters + "a:c:IXu:")
        for letter, value in options:
            letter = letter[1]
            if letter in "acIXu":
                raise Fail(f"qsub: the stand-in has no -{letter}", 99)
            if letter == "l":
                self.read_pairs(self.resources, value, "l", command)
            elif letter == "W":
                self.read_pairs(self.extra, value, "W", command)
            elif command or letter not in self.from_command:
                self.values[letter] = value
                if command:
                    self.from_command.add(letter)
        return rest

    def read_pairs(self, into, text, letter, command):
        # A comma separates; in depend=afterany:1,afterok:2 what has no = belongs to what came before.
        pairs = []
        for part in text.split(","):
            if "=" not in part and pairs:
                pairs[-1] += "," + part
            else:
                pairs.append(part)
        for pair in pairs:
            name, equals, value = pair.strip().partition("=")
            if not equals and letter == "W":
                raise Fail("qsub: illegal -W value\n" + USAGE, 2)
            if command or name not in into:
                into[name] = value

    def directives(self, text, prefix):
        """Reads the script's directives, down to its first command."""
        for line in text.split("\n"):
            stripped = line.lstrip()
            if prefix and stripped.startswith(prefix):
                self.directive(stripped[len(prefix) :])
            elif stripped and not stripped.startswith("#") and not line.startswith(":"):
                return

    def directive(self, text):
        # Quotes group, nothing begins a comment, and a carriage return is a blank.
        lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
        lexer.whitespace_split = True
        lexer.commenters = ""
        lexer.escape = ""
        try:
            words = list(lexer)
            left = self.read(words, False)
        except getopt.GetoptError as fault:
            complain(f"qsub: invalid option -- '{fault.opt}'")
            raise Fail("qsub: directive error: " + " ".join(words), 1) from None
        except ValueError:
            raise Fail("qsub: directive error: " + text.strip(), 1) from None
        if left:
            raise Fail("qsub: directive error: " + " ".join(words), 1)


def illegal(letter):
    return Fail(f"qsub: illegal -{letter} value\n{USAGE}", 2)


def array_of(submission):
    """The array and its throttle, or (None, None). OpenPBS: X-Y[:Z][%N] with Y above X, nothing else."""
    if submission.is_torque:
        return torque_array(submission.values.get("t"))
    text = submission.values.get("J")
    if text is None:
        return None, None
    match = ARRAY_RANGE.fullmatch(text)
    if not match:
        raise illegal("J")
    first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if first >= last or step == 0:
        raise illegal("J")
    throttle = match[4]
    if throttle is not None and not throttle.isdigit() or last > 0x7FFFFFFF:
        raise Fail("qsub: Error (15014) submitting job", exit_code(15014))
    shown = text.partition("%")[0]
    return {"spans": [[first, last, step]], "step": step, "text": shown}, int(throttle) if throttle else None


def torque_array(text):
    """Torque: 3, 0-9, 1,5-7 and %N behind it; no step."""
    if text is None:
        return None, None
    indices, _, throttle = text.partition("%")
    spans = []
    for part in indices.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not match or int(match[1]) > int(match[2] or match[1]):
            raise Fail("qsub: submit error (Bad Job Array Request)", exit_code(15107))
        spans.append([int(match[1]), int(match[2] or match[1]), 1])
    if "%" in text and not throttle.isdigit():
        raise Fail("qsub: submit error (Bad Job Array Request)", exit_code(15107))
    return {"spans": spans, "step": 1, "text": indices}, int(throttle) if throttle else None


def depend_of(text, torque):
    kinds = {"after", "afterok", "afternotok", "afterany"}
    if torque:
        kinds |= {"afterokarray", "afternotokarray", "afteranyarray"}
    found = []
    for part in text.split(",") if text is not None else []:
        kind, _, ids = part.partition(":")
        if kind in ("before", "beforeok", "beforenotok", "beforeany", "on", "runone", "syncwith", "synccount"):
            raise Fail(f"qsub: the stand-in has no dependency '{kind}'", 99)
        if kind not in kinds:
            raise illegal("W")
        for ident in ids.split(":"):
            if not DEPEND_ID.fullmatch(ident):
                raise illegal("W")
            found.append([kind, ident.partition("@")[0]])
    return found


def variables_of(text, environment):
    """-v, by the rules of qsub.c: quotes keep commas and go away, one without its partner fails, a backslash becomes two."""
    found, i = {}, 0
    while text and i < len(text):
        start = i
        while i < len(text) and text[i] not in ",=":
            i += 1
        name = text[start:i]
        if not name:
            raise Fail("qsub: cannot send environment with the job", 1)
        if i == len(text) or text[i] == ",":
            if name not in environment:
                raise Fail("qsub: cannot send environment with the job", 1)
            found[name] = environment[name]
            i += 1
            continue
        value, quote = "", ""
        i += 1
        while i < len(text) and (quote or text[i] != ","):
            c = text[i]
            if quote and c == quote:
                quote = ""
            elif not quote and c in "'\"":
                quote = c
            else:
                value += "\\\\" if c == "\\" else c
            i += 1
        if quote:
            raise Fail("qsub: cannot send environment with the job", 1)
        found[name] = value
        i += 1
    return {k: v for k, v in found.items() if not k.startswith("PBS_O_")}


def output_target(text, letter, folder):
    """-o and -e: absolute, or below the folder of submission; a host would need a path behind it."""
    if text is None:
        return ""
    if not text or not text.isascii() or (":" in text and not text.startswith("/")):
        raise illegal(letter)
    return text if text.startswith("/") else os.path.join(folder, text)


def script_of(words):
    """The script's text and the job's default name; a lone - or nothing is standard input."""
    if not words or words[0] in ("-", ""):
        data, name = sys.stdin.buffer.read(), "STDIN"
    else:
        try:
            mode = os.stat(words[0]).st_mode
            if not stat.S_ISREG(mode):
                raise Fail("qsub: script not a file", 1)
            with open(words[0], "rb") as file:
                data, name = file.read(), os.path.basename(words[0])
        except OSError as fault:
            raise Fail(f"qsub: script file:: {fault.strerror}", 1) from None
    text = data.decode("utf-8", "surrogateescape")
    return (text if text.endswith("\n") else text + "\n"), name


def attributes_of(submission, name):
    """The checks that qsub makes itself, once it has reached its server."""
    values, extra, torque = submission.values, dict(submission.extra), submission.is_torque
    folder = os.environ.get("PWD") or os.getcwd()
    if not os.path.isdir(folder) or not os.path.samefile(folder, "."):
        folder = os.getcwd()
    name = values.get("N", name)
    if len(name) > 230 and NAME.fullmatch(name[:230]):
        raise Fail("qsub: Job name is too long ", 2)
    if not NAME.fullmatch(name) or torque and (len(name) > 15 or name[:1].isdigit()):
        raise illegal("N")
    array, throttle = array_of(submission)
    for letter, allowed in (("j", r"oe|eo|n"), ("m", r"n|[abej]+"), ("r", r"[yn]"), ("k", r"n|[oed]+"), ("R", r"[oe]+")):
        if letter in values and not re.fullmatch(allowed, values[letter]):
            raise illegal(letter)
    if "j" in values.get("m", "") and not array:
        raise Fail("qsub: mail option 'j' can not be used without array job", 1)
    if values.get("k", "n") != "n":
        raise Fail("qsub: the stand-in has no -k", 99)
    if not re.fullmatch(r"-?\d+", values.get("p", "0")) or not -1024 <= int(values.get("p", "0")) <= 1023:
        raise illegal("p")
    if array and values.get("r") == "n" and not torque:
        raise Fail("qsub:  cannot submit non-rerunable Array Job\n" + USAGE, 2)
    umask = extra.pop("umask", "077")
    if not re.fullmatch(r"[0-7]{1,4}", umask):
        raise illegal("W")
    depend = depend_of(extra.pop("depend", None), torque)
    if "max_run_subjobs" in extra and not torque:
        most = extra.pop("max_run_subjobs")
        if throttle is not None:
            raise Fail("qsub: multiple max_run_subjobs values found\n" + USAGE, 2)
        if not array:
            raise Fail("qsub: Attribute has to be set on an array job", 127)
        if not most.isdigit():
            raise Fail("qsub: Error (15014) submitting job", exit_code(15014))
        throttle = int(most)
    for known in ("block", "stagein", "stageout", "sandbox", "run_count", "interactive"):
        if known in extra:
            raise Fail(f"qsub: the stand-in has no -W {known}", 99)
    if extra.pop("group_list", None) not in {None} | {grp.getgrgid(g).gr_name for g in os.getgroups()}:
        raise Fail("qsub: Bad GID for job execution ", exit_code(15045))
    if "d" in values and not os.path.isabs(values["d"]):
        raise illegal("d")
    return {
        "name": name,
        "array": array,
        "max_run": throttle,
        "join": values.get("j", "n"),
        "mail": values.get("m", "a"),
        "mail_to": values.get("M"),
        "rerun": "False" if values.get("r") == "n" else "True",
        "priority": values.get("p", "0"),
        "umask": umask,
        "depend": depend,
        "unknown": list(extra),
        "out": output_target(values.get("o"), "o", folder),
        "err": output_target(values.get("e"), "e", folder),
        "workdir": folder,
        "initdir": values.get("d"),
        "holds": ["u"] if "h" in values else [],
        "queue": values.get("q", ""),
        "account": values.get("A"),
        "project": values.get("P", "_pbs_project_default"),
        "shell": values.get("S"),
        "resources": submission.resources,
    }


def job_variables(submission, folder, host):
    environment = dict(os.environ)
    user = pwd.getpwuid(os.getuid()).pw_name
    found = {"PBS_O_HOME": environment.get("HOME", "/"), "PBS_O_LOGNAME": user, "PBS_O_PATH": environment.get("PATH", "")}
    for name in ("LANG", "MAIL", "SHELL", "TZ"):
        if name in environment:
            found["PBS_O_" + name] = environment[name]
    found.update(PBS_O_WORKDIR=folder, PBS_O_SYSTEM="Linux", PBS_O_HOST=host)
    if submission.is_torque and "V" in submission.values:
        found.update({k: v for k, v in environment.items() if not k.startswith("PBS_O_")})
    # OpenPBS 23.06: -V is taken, and no variable goes with the job.
    found.update(variables_of(submission.values.get("v", ""), environment))
    return found


def qsub(server, argv):
    if argv == ["--version"]:
        print("pbs_version = 23.06.06")
        return 0
    submission = Submission(server.torque)
    command = None
    given = argv
    if "--" in argv:
        cut = argv.index("--")
        given, command = argv[:cut], argv[cut + 1 :]
    try:
        words = submission.read(given, True)
    except getopt.GetoptError as fault:
        raise Fail(f"qsub: invalid option -- '{fault.opt}'\n{USAGE}", 2) from None
    if len(words) > 1 or (command is not None and (words or not command)):
        raise Fail(USAGE, 2)
    if command is None:
        script, name = script_of(words)
        submission.directives(script, submission.values.get("C", "#PBS"))
    else:
        script, name = "", os.path.basename(command[0])
    here = server.ask("ping")
    request = attributes_of(submission, name)
    variables = job_variables(submission, request["workdir"], here["host"])
    request.update(script=script, command=command, variables=variables, home=variables["PBS_O_HOME"], arguments=" ".join(argv))
    try:
        ident = server.ask("submit", **request)["id"]
    except Refused as refusal:
        return submit_refused(refusal)
    if "z" not in submission.values:
        print(ident)
    return 0


def submit_refused(refusal):
    code, text = refusal.code, refusal.text
    if code < 256:
        complain(f"qsub: {text}")
    elif code == 15035 and "." not in text:
        complain(f"qsub: Unknown resource: {text}")
    elif code == 15002:
        complain("qsub: Error (15002) submitting job")
    else:
        complain(f"qsub: {MESSAGES[code].format(text)} {'' if '{}' in MESSAGES[code] else text}".rstrip())
    return exit_code(code)


# ---- qstat


def quoted(text):
    """A JSON string as it is printed there: only quotes, backslashes and control characters are escaped."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def json_value(value, indent):
    """What reads as a number is printed as it is, which makes nan, .5 and 1. of a job's name or variable invalid JSON."""
    if isinstance(value, dict):
        inner = ",\n".join(f"{' ' * (indent + 4)}{quoted(k)}:{json_value(v, indent + 4)}" for k, v in value.items())
        return "{\n" + inner + ("\n" if inner else "") + " " * indent + "}"
    if isinstance(value, int):
        return str(value)
    match = NUMBER.fullmatch(value)
    if match and (value[0] != "0" or re.match(r"0+(\.|$)", value)):
        return value
    return quoted(value)


def print_json(kind, records):
    top = {"timestamp": int(time.time()), "pbs_version": quoted("23.06.06"), "pbs_server": quoted("srv")}
    lines = [f'    "{k}":{v}' for k, v in top.items()]
    if records:
        lines.append(f'    "{kind}":{json_value(records, 4)}')
    # Without a record even the last newline is missing there.
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}" + ("\n" if records else ""))


def flat(attributes):
    """Attributes as name and text; in the list of variables a backslash stands before a comma and before another one."""
    for name, value in attributes.items():
        if name == "Variable_List":
            escaped = [(k, v.replace("\\", "\\\\").replace(",", "\\,")) for k, v in value.items()]
            yield name, ",".join(f"{k}={v}" for k, v in escaped)
        elif isinstance(value, dict):
            for k, v in value.items():
                yield f"{name}.{k}", v
        else:
            yield name, value


def print_dsv(title, name, attributes, delimiter):
    """qstat -F dsv: a record a line. A backslash that stands before a comma is not doubled."""
    fields = [f"{title}: {name}"]
    for key, value in flat(attributes):
        fields.append(f"{key}=" + re.sub(r"\\(?!,)", r"\\\\", value).replace(delimiter, "\\" + delimiter))
    print(delimiter.join(fields))


def print_attribute(name, value):
    """One line of qstat -f, folded at about 78 columns with a tab."""
    column = len(name) + 7
    out = f"    {name} = "
    words = value.split(",")
    for number, word in enumerate(words):
        word += "," if number + 1 < len(words) else ""
        if column + len(word) >= 80 and number:
            out += "\n\t"
            column = 8
        for c in word:
            if column >= 79:
                out += "\n\t"
                column = 8
            out += c
            column += 1
    print(out)


def print_full(title, name, attributes):
    print(f"{title}: {name}")
    for key, value in flat(attributes):
        print_attribute(key, value)
    print()


def print_rows(records, header):
    if header:
        print("Job id            Name             User              Time Use S Queue")
        print("----------------  ---------------- ----------------  -------- - -----")
    for ident, a in records:
        owner = a["Job_Owner"].partition("@")[0]
        used = a["resources_used"]["cput"] if "resources_used" in a else "0"
        print(f"{ident:<17.17} {a['Job_Name']:<16.16} {owner:<16.16}  {used:>8} {a['job_state']} {a['queue']:<16}")


def print_users(records):
    if records:
        print("\nsrv: \n" + " " * 60 + "Req'd  Req'd   Elap")
        print("Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time")
        print("--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----")
    for ident, a in records:
        owner = a["Job_Owner"].partition("@")[0]
        asked = a["Resource_List"]
        time_asked = asked.get("walltime", " -- ")[:5]
        session, elapsed = a.get("session_id", "--"), a.get("resources_used", {}).get("walltime", " -- ")[:5]
        print(
            f"{ident:<15.15} {owner:<8.8} {a['queue']:<8.8} {a['Job_Name']:<10.10} {session:>6} {asked['nodect']:>3} "
            f"{asked.get('ncpus', '--'):>3} {asked.get('mem', '--'):>6.6} {time_asked:>5} {a['job_state']} {elapsed:>5}"
        )


def print_xml(records):
    """Torque's qstat -x."""

    def element(name, value):
        if isinstance(value, dict):
            if name == "Variable_List":
                value = ",".join(f"{k}={v}" for k, v in value.items())
            else:
                return f"<{name}>" + "".join(element(k, v) for k, v in value.items()) + f"</{name}>"
        text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<{name}>{text}</{name}>"

    jobs = "".join("<Job>" + element("Job_Id", i) + "".join(element(k, v) for k, v in a.items()) + "</Job>" for i, a in records)
    print(f"<Data>{jobs}</Data>" if jobs else "", end="\n" if jobs else "")


def qstat(server, argv):
    if argv == ["--version"]:
        print("Version: 6.1.3" if server.torque else "pbs_version = 23.06.06")
        return 0
    if server.torque:
        options, words = options_of("qstat", argv, "ftxu:aQB", "einrsG1M1q")
    else:
        options, words = options_of("qstat", argv, "fJtxF:D:wu:aHQB", "pEirTnsGM1q")
    chosen = {letter[1]: value for letter, value in options}
    if "F" in chosen and (chosen["F"].lower() not in ("json", "dsv", "default") or "f" not in chosen):
        raise Fail("qstat: conflicting options.\nusage: \nqstat [-f] ...", 2)
    if "Q" in chosen or "B" in chosen:
        return qstat_server(server, chosen, words)
    found, code, header = [], 0, not words
    for position, word in enumerate(words or [None]):
        if word is not None and not JOB_ID.fullmatch(word):
            if word[:1].isdigit():
                code = illegal_id("qstat", word)
            elif word and not server.ask("status")["queues"].get(word.partition("@")[0]):
                complain(f"qstat: Unknown queue destination {word}")
                code = exit_code(15018)
            continue
        subject = word if word is None or word.endswith(".srv") else word + ".srv"
        history = "x" in chosen and not server.torque or "H" in chosen
        try:
            found += server.ask("stat", id=subject, subjobs="t" in chosen, history=history)["records"]
        except Refused as refusal:
            if refusal.code == 15139:
                complain(f"qstat: {subject} Job has finished, use -x or -H to obtain historical job information")
                code = exit_code(refusal.code)
            else:
                code = refused_by("qstat", refusal, ("Error " if server.torque else "") + subject)
        header = header or (position == 0 and bool(found))
    print_jobs(server, chosen, found, header)
    return code


def print_jobs(server, chosen, found, header):
    if "J" in chosen:
        found = [r for r in found if "[" in r[0]]
    if "u" in chosen or "a" in chosen:
        users = chosen.get("u")
        print_users([r for r in found if users is None or r[1]["Job_Owner"].partition("@")[0] in users.split(",")])
    elif "x" in chosen and server.torque:
        print_xml(found)
    elif "f" in chosen:
        print_records("Job Id", "Jobs", found, chosen)
    elif found:
        print_rows(found, header)


def print_records(title, kind, records, chosen):
    """Whole records in the format that -F names."""
    form = chosen.get("F", "default").lower()
    if form == "json":
        print_json(kind, dict(records))
    for name, attributes in records:
        if form == "dsv":
            print_dsv(title, name, attributes, chosen.get("D", "|"))
        elif form == "default":
            print_full(title, name, attributes)


def qstat_server(server, chosen, words):
    status = server.ask("status")
    kind = "Queue" if "Q" in chosen else "Server"
    records = status["queues"] if "Q" in chosen else {status["name"]: status["server"]}
    code = 0
    for word in words:
        if word not in records:
            complain(f"qstat: Unknown {'queue' if 'Q' in chosen else 'server'} {word}")
            code = exit_code(15018)
    if words:
        records = {k: v for k, v in records.items() if k in words}
    records = {k: nested(v) for k, v in records.items()}
    if "f" in chosen:
        print_records(kind, kind, records.items(), chosen)
    else:
        for name, attributes in records.items():
            print(f"{name:<16} {attributes['total_jobs']:>5} {attributes['state_count'].strip()}")
    return code


def nested(attributes):
    """resources_max.walltime=1 as a record in a record."""
    found = {}
    for key, value in attributes.items():
        head, dot, tail = key.partition(".")
        if dot:
            found.setdefault(head, {})[tail] = value
        else:
            found[key] = value
    return found


# ---- qdel, qhold, qrls, qalter, qselect


def qdel(server, argv):
    letters = "t:pm:W:" if server.torque else "W:x"
    options, words = options_of("qdel", argv, letters)
    chosen = {letter[1]: value for letter, value in options}
    if chosen.get("W", "force") != "force" or "p" in chosen or "m" in chosen:
        raise Fail("qdel: the stand-in has -W force, no other -W, no -p, no -m", 99)
    if not words:
        raise Fail("usage:\n\tqdel [-W force|suppress_email=X] [-x] job_identifier...\n\tqdel --version", 2)
    code = 0
    for word in words:
        if not JOB_ID.fullmatch(word) or "," in word:
            code = illegal_id("qdel", word)
            continue
        done, last = 0, None
        for ident in span_ids(word, chosen.get("t")):
            try:
                server.ask("delete", id=ident, history="x" in chosen, force="W" in chosen)
                done += 1
            except Refused as refusal:
                last = refusal
        if last and not done:
            code = refused_by("qdel", last, last.text)
    return code


def span_ids(word, torque_span):
    """The ids that one word of qdel names: 50[3-6] (and in Torque -t 3-6 '50[]') are several, of which one has to
    be there."""
    match = re.fullmatch(r"(\d+)\[(\d+)-(\d+)\](\.srv)?", word)
    if match:
        return [f"{match[1]}[{i}].srv" for i in range(int(match[2]), int(match[3]) + 1)]
    if torque_span:
        seq = word.partition("[")[0]
        spans = [s.partition("-") for s in torque_span.split(",")]
        return [f"{seq}[{i}].srv" for a, _, b in spans for i in range(int(a), int(b or a) + 1)]
    return [word]


def hold_or_release(server, name, argv):
    options, words = options_of(name, argv, "h:")
    types = dict(options).get("-h", "u")
    if not words or not re.fullmatch(r"[uosn]+", types):
        raise Fail(f"usage: {name} [-h hold_list] job_identifier...", 2)
    code = 0
    for word in words:
        if not JOB_ID.fullmatch(word):
            code = illegal_id(name, word)
            continue
        try:
            server.ask("hold", id=word, types=list(types.replace("n", "")), release=name == "qrls")
        except Refused as refusal:
            finished = refusal.code == 15139
            ident = word if word.endswith(".srv") else word + ".srv"
            if finished:
                complain(f"{name}: Job has finished")
                code = exit_code(refusal.code)
            else:
                code = refused_by(name, refusal, ident)
    return code


def qalter(server, argv):
    options, words = options_of("qalter", argv, "l:N:W:o:e:q:", "a:A:c:h:j:k:m:M:p:P:r:R:S:u:")
    submission = Submission(server.torque)
    attributes = {}
    for letter, value in options:
        if letter == "-l":
            submission.read_pairs(submission.resources, value, "l", True)
        elif letter == "-W":
            submission.read_pairs(submission.extra, value, "W", True)
        elif letter == "-N":
            if not NAME.fullmatch(value):
                raise Fail("qalter: illegal -N value", 2)
            attributes["name"] = value
        else:
            attributes[{"-o": "out", "-e": "err"}[letter]] = output_target(value, letter[1], os.getcwd())
    if "max_run_subjobs" in submission.extra:
        attributes["max_run"] = int(submission.extra.pop("max_run_subjobs"))
    if "depend" in submission.extra:
        attributes["depend"] = depend_of(submission.extra.pop("depend"), server.torque)
    if submission.extra:
        raise Fail(f"qalter: the stand-in has no -W {next(iter(submission.extra))}", 99)
    if not words:
        raise Fail("usage: qalter ... job_identifier...", 2)
    code = 0
    for word in words:
        if not JOB_ID.fullmatch(word):
            code = illegal_id("qalter", word)
            continue
        try:
            server.ask("alter", id=word, resources=submission.resources, attributes=attributes)
        except Refused as refusal:
            code = refused_by("qalter", refusal, word if word.endswith(".srv") else word + ".srv")
    return code


def qselect(server, argv):
    if server.torque:
        options, words = options_of("qselect", argv, "N:u:s:")
    else:
        options, words = options_of("qselect", argv, "N:u:s:THxJ", "a:A:c:h:l:p:P:q:r:t:")
    chosen = {letter[1]: value for letter, value in options}
    if words:
        raise Fail("usage: qselect ...", 2)
    history = "x" in chosen or "H" in chosen
    if history and server.ask("status")["server_set"].get("job_history_enable") != "True":
        complain("qselect: PBS is not configured to maintain job history")
        return 0
    answer = server.ask(
        "select", name=chosen.get("N"), user=chosen.get("u"), states=chosen.get("s", ""), subjobs="T" in chosen, history=history
    )
    for ident in answer["ids"]:
        if "J" not in chosen or "[" in ident:
            print(ident)
    return 0


# ---- qmgr


def qmgr(server, argv):
    options, words = options_of("qmgr", argv, "c:", "aenz")
    text = dict(options).get("-c")
    if text is None or words:
        raise Fail("qmgr: the stand-in wants -c 'directive'", 99)
    parts = text.split(None, 2)
    verbs = {"p": "print", "l": "list", "s": "set", "u": "unset", "c": "create", "d": "delete"}
    kinds = {"s": "server", "q": "queue", "server": "server", "queue": "queue"}
    verb = verbs.get(parts[0][:1]) if parts else None
    if not verb or not verb.startswith(parts[0]) or len(parts) < 2 or parts[1] not in kinds:
        raise Fail(f"qmgr: Syntax error\nqmgr: {text}", 1)
    kind, rest = kinds[parts[1]], parts[2] if len(parts) > 2 else ""
    if verb == "print":
        return qmgr_print(server.ask("status"), kind)
    if verb == "list":
        return qmgr_list(server.ask("status"), kind, rest)
    name, _, values = rest.partition(" ") if kind == "queue" else ("", "", rest)
    pairs = []
    for pair in values.split(","):
        key, _, value = pair.partition("=")
        if key.strip():
            pairs.append([key.strip(), value.strip().strip('"')])
    try:
        server.ask("manage", verb=verb, kind=kind, name=name, values=pairs)
    except Refused as refusal:
        complain(f"qmgr obj={name} svr=default: {MESSAGES.get(refusal.code, 'Undefined attribute ')}")
        complain(f"qmgr: Error ({refusal.code}) returned from server")
        return exit_code(refusal.code)
    return 0


def qmgr_print(status, kind):
    print("#\n# Create queues and set their attributes.\n#")
    for name, attributes in status["queues_set"].items():
        print(f"#\n# Create and define queue {name}\n#\ncreate queue {name}")
        for key, value in attributes.items():
            print(f"set queue {name} {key} = {value}")
    if kind == "server":
        print("#\n# Set server attributes.\n#")
        for key, value in status["server_set"].items():
            print(f'set server {key} = {json.dumps(value) if "[" in value else value}')
    return 0


def qmgr_list(status, kind, rest):
    wanted = rest
    if kind == "server":
        records = {status["name"]: status["server"]}
    else:
        name, _, wanted = rest.partition(" ")
        records = status["queues"]
        if name and not name.startswith("@"):
            if name not in records:
                complain(f"qmgr obj={name} svr=default: Unknown queue\nqmgr: Error (15018) returned from server")
                return exit_code(15018)
            records = {name: records[name]}
    names = [n.strip() for n in wanted.split(",") if n.strip()]
    for name, attributes in records.items():
        print(f"{kind.capitalize()} {name}")
        for key, value in attributes.items():
            if not names or key.partition(".")[0] in names:
                print(f"    {key} = {value}")
        print()
    return 0


COMMANDS = {
    "qsub": qsub,
    "qstat": qstat,
    "qdel": qdel,
    "qhold": lambda server, argv: hold_or_release(server, "qhold", argv),
    "qrls": lambda server, argv: hold_or_release(server, "qrls", argv),
    "qalter": qalter,
    "qselect": qselect,
    "qmgr": qmgr,
}


def not_connected(name, argv):
    """What each command says when its server is down; qstat prints its empty JSON even so."""
    complain("Connection refused")
    if name == "qdel":
        complain("Couldn't connect to cluster: srv")
    elif name == "qmgr":
        complain("qmgr: cannot connect to server ")
        return 3
    else:
        complain(f"{name}: cannot connect to server srv (errno={NOT_CONNECTED})")
    if name == "qstat" and "json" in argv:
        print_json("Jobs", {})
    return 255 if name == "qstat" else exit_code(NOT_CONNECTED)


def main():
    folder, name, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        server = Server(folder)
        if name in ("kill-mom", "start-mom"):
            server.ask("mom", start=name == "start-mom")
            return 0
        return COMMANDS[name](server, argv)
    except Fail as failure:
        complain(failure.text)
        return failure.code
    except (ConnectionError, FileNotFoundError):
        return not_connected(name, argv)


if __name__ == "__main__":
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(status)
    sys.exit(status)
