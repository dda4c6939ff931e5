# SPDX-License-Identifier: MIT
"""Checks templates/r.R against ppgen-language(7): TAP on stdout."""
import os
import re
import signal
import sys

from driver import Died, Tap, Worker, text_of

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "..", "templates", "r.R")
tap = Tap()

# An expression, and the JSON of its rows; or a pattern for why it has none.
VALUES = (
    ("1", '{"value":1}'),
    ("100000L", '{"value":100000}'),
    ("1e5", '{"value":100000}'),
    ("0.1 + 0.2", '{"value":0.30000000000000004}'),
    ("1e300 * 10", '{"value":1e+301}'),
    ("2/3 * 1e-20", '{"value":6.6666666666666658e-21}'),
    ("pi", '{"value":3.1415926535897931}'),
    ("NaN", '{"value":"NaN"}'),
    ("-Inf", '{"value":"-inf"}'),
    ("NA_real_", '{"value":null}'),
    ("NA", '{"value":null}'),
    ("TRUE", '{"value":true}'),
    ("'te\"x\\\\t\\n'", '{"value":"te\\"x\\\\t\\n"}'),
    ("'\\u00e9'", '{"value":"\u00e9"}'),
    ("NULL", "{}"),
    ("c(1, NA, 2.5)", '[{"value":1},{"value":null},{"value":2.5}]'),
    ("numeric()", "[]"),
    ("c(mean = 1, sd = 2)", '{"mean":1,"sd":2}'),
    ("list(a = 1L, b = 'x', c = c(1, 2), d = list(e = TRUE, f = NULL))",
     '{"a":1,"b":"x","c":[1,2],"d":{"e":true,"f":null}}'),
    ("list(list(a = 1), list(a = 2))", '[{"a":1},{"a":2}]'),
    ("list()", "[]"),
    ("data.frame(a = 1:2, b = c('x', NA), stringsAsFactors = TRUE)", '[{"a":1,"b":"x"},{"a":2,"b":null}]'),
    ("data.frame(a = 1)[0, , drop = FALSE]", "[]"),
    ("matrix(1:4, 2)", '[{"0":1,"1":3},{"0":2,"1":4}]'),
    ("matrix(1:2, 1, dimnames = list(NULL, c('p', 'q')))", '[{"p":1,"q":2}]'),
    ("as.Date('2024-02-29')", '{"value":"2024-02-29"}'),
    ("as.POSIXct('2024-02-29 12:30:00', tz = 'UTC')", '{"value":"2024-02-29T12:30:00"}'),
    ("as.difftime(1, units = 'mins')", '{"value":60}'),
    ("factor('f')", '{"value":"f"}'),
    ("1i", r"value is a 'complex', which has no columns"),
    ("list(a = list(b = sum))", r"value\.a\.b is a 'function'"),
    ("as.raw(1)", r"value is a 'raw'"),
    ("array(0, c(2, 2, 2))", r"value is an array of 3 dimensions"),
    ("list(a = 1, a = 2)", r"value has two columns named 'a'"),
)
# Expressions; pattern of why, pattern of what stands on stderr.
FAULTS = (
    ("stop('wrong\\nsecond')", "^simpleError: wrong$", r"wrong\nsecond\n"),
    ("inner(3)", "^simpleError: wrong value: 3$", r"^Error in inner\(3\): wrong value: 3\nCalls:\n(.*\n)*  inner\(3\)\n"),
    ("no_such_function()", "could not find function", "no_such_function"),
    ("(function() { f <- function(n) f(n + 1); f(1) })()", "too deeply|stack", "Error"),
    ("match.arg('x', 'y')", "^simpleError: ", "Error"),
)


def worker(call="calls.R:make", folder=HERE, **more):
    """R with a function of calls.R."""
    return Worker(["Rscript"], PROGRAM, call, folder, **more)


def check_values(at):
    """Every kind of value."""
    for what, want in VALUES:
        reply = at.call({"what": what})
        if want[0] in "{[":
            tap.same((reply.status, reply.value.decode(), reply.why), ("ok", want, ""), what)
        else:
            tap.ok(reply.status == "invalid" and re.match(want, reply.why) and not reply.value,
                   "%s is invalid" % what, reply.status, reply.why, reply.value)


def check_faults(at):
    """Errors, and what is left behind."""
    for what, why, shown in FAULTS:
        before = at.call({"what": "1"}).err
        reply = at.call({"what": what})
        text = text_of(at.err, before)
        tap.ok((reply.status, reply.code) == ("exit", 1) and re.search(why, reply.why) and re.search(shown, text)
               and "withCallingHandlers" not in text and "do.call" not in text, what, reply.status, reply.why, text[-600:])
    at.call({"what": "{ setwd('/'); Sys.setenv(PPGEN_TASK = 'x'); sink('/dev/null'); rm(list = ls(globalenv()), envir = globalenv()) }"})
    reply = at.call({"what": "list(getwd(), Sys.getenv('PPGEN_TASK'))"})
    tap.same([row["value"] for row in reply.json()], [HERE, "t%d" % reply.seq], "after mischief all is as before")


def check_output(at):
    """Prints, warnings, and what is started; sizes in the reply."""
    for what, out, err in (("{ cat('one\\n'); 1 }", 4, 0), ("{ message('two'); 1 }", 0, 4), ("system('echo three')", 6, 0),
                           ("{ cat(strrep('x', 3e6)); 1 }", 3000000, 0)):
        before = at.call({"what": "1"})
        reply = at.call({"what": what})
        tap.same((reply.out - before.out, reply.err - before.err), (out, err), "sizes after %s" % what)
    before = at.call({"what": "1"}).err
    at.call({"what": "as.integer('x')"})
    tap.ok("NAs introduced by coercion" in text_of(at.err, before), "a warning is shown at once")


def check_calls():
    """How functions are found, what they get, and many requests."""
    os.environ["PPGEN_CPUS"] = "3"
    with worker("calls.R:extras") as at:
        tap.same(at.hello["wants"], ["seed", "seed64", "scratch", "task", "index", "cpus"], "the hello tells what is wanted")
        tap.same(at.call({"what": [1, 2]}).json(),
                 {"what": [1, 2], "seed": 7, "seed64": str(1 << 63), "scratch": "/scr=atch \u00e9/0", "task": "t0", "index": 0, "cpus": 3,
                  "n": 0, "env": "t0"}, "what a signature asks for")
    with worker("calls.R:make", texts=("MINE", "OTHER")) as at:
        reply = at.call({"what": "list(Sys.getenv('MINE'), Sys.getenv('OTHER'), Sys.getenv('PPGEN_KEEP'), getwd())"}, "/")
        tap.same([row["value"] for row in reply.json()], [at.text("MINE", 0), at.text("OTHER", 0), "/keep", "/"],
                 "variables that hold any text, and a folder of its own")
    for call, given in (("calls.R:same", 7), ("calls.R:repeated", 3)):
        with worker(call, params=("what", "rep")) as at:
            tap.same(at.call({"what": 7, "rep": 3}).json(), {"value": given},
                     "the number of the repetition is for who asks for it: %s" % call)
    with worker("calls.R:counted") as at:
        tap.same([at.call({"what": 0}).json()["value"] for _ in range(3)], [1, 2, 3], "variables are kept between calls")
    with worker("calls.R:same") as at:
        for k in range(200):
            at.ask({"what": k})
        tap.same([at.reply().json()["value"] for _ in range(200)], list(range(200)), "200 requests ahead, in order")
        tap.same(at.call({"what": "\u00e9" * 10000}).json(), {"value": "\u00e9" * 10000}, "a request of several packets")
        tap.same(at.call({"what": ["a", "b"]}).json(), [{"value": "a"}, {"value": "b"}], "a list of texts is a vector")
    with worker("stats::median", params=("x",)) as at:
        tap.same(at.call({"x": [1, 5, 3]}).json(), {"value": 3}, "a function of a package")
    with worker("calls.R:make", value="bytes") as at:
        tap.same(at.call({"what": "as.raw(c(0, 10, 255))"}).value, b"\x00\n\xff", "raw is kept as it is")
        tap.same(len(at.call({"what": "raw(5e6)"}).value), 5000000, "5 MB of it")
        tap.same(at.call({"what": "'x'"}).status, "invalid", "text is not raw")
        tap.same(at.finish(), 0, "the end of requests is the end")


def check_unusable():
    """What is said when there is no function, and when R ends."""
    for call, want in (("none.R:f", "^there is no file 'none.R' in "), ("calls.R:nix", "^there is no 'nix' in 'calls.R'$"),
                       ("calls.R:count", "is a 'numeric', and cannot be called"), ("calls.R", "is no function: write FILE.R:FUNCTION"),
                       ("calls.R:inner", "^the function does not take the parameter 'what'"),
                       ("check_r.py:f", "^cannot read 'check_r.py': ")):
        with worker(call) as at:
            said = at.hello.get("error", "nothing")
            tap.ok(re.search(want, said) and os.WEXITSTATUS(at.wait()) == 1, "no function: %s" % call, said)
    for what, expected in (("quit(status = 3)", lambda s: os.WIFEXITED(s) and os.WEXITSTATUS(s) == 3),
                           ("tools::pskill(Sys.getpid(), 9)", lambda s: os.WIFSIGNALED(s) and os.WTERMSIG(s) == signal.SIGKILL)):
        with worker() as at:
            good = at.ask({"what": "1"})
            at.ask({"what": what})
            first = at.reply()
            try:
                at.reply()
                status = None
            except Died as died:
                status = died.args[0]
            tap.ok(first.seq == good and status is not None and expected(status), "%s: no reply, and its status" % what, status)


def check_chunks():
    """Lists of items."""
    with worker("calls.R:squares", per="chunk") as at:
        tap.same([r.json() for r in at.chunk([{"what": k} for k in (1, 2, 3)])], [{"value": k} for k in (1, 4, 9)],
                 "a vector for a vector")
        tap.same(text_of(at.out), "called with 3 \n", "in one call")
        tap.same([(r.status, r.value, r.why) for r in at.chunk([{"what": k} for k in (2, 13, 4)])],
                 [("ok", b'{"value":4}', ""), ("exit", b"", "simpleError: thirteen"), ("ok", b'{"value":16}', "")],
                 "only the item that stops fails")
        tap.same([r.status for r in at.chunk([{"what": k} for k in (1, 14)])], ["invalid"] * 2, "a vector of another length")
    with worker("calls.R:table_of", per="chunk", params=("a", "b")) as at:
        tap.same([r.json() for r in at.chunk([{"a": 1, "b": 2}, {"a": 3, "b": 4}])], [{"sum": 3}, {"sum": 7}],
                 "a data.frame for a data.frame")


def main():
    """All of it."""
    with worker() as at:
        tap.ok(re.match(r"R \d+\.\d+", at.hello.get("language", "")), "hello", at.hello)
        check_values(at)
        check_output(at)
        check_faults(at)
    check_calls()
    check_unusable()
    check_chunks()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
