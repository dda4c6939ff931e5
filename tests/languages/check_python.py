# SPDX-License-Identifier: MIT
"""Checks templates/python.py against ppgen-language(7): check_python.py PYTHON..., TAP on stdout."""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from driver import Died, Tap, Worker, text_of, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "..", "templates", "python.py")
WORDS = sys.argv[1:] or ["python3"]
tap = Tap()

# An expression, and the JSON of its rows; or a pattern for why it has none.
VALUES = (
    ("1", '{"value":1}'),
    ("10 ** 40", '{"value":1' + 40 * "0" + "}"),
    ("0.1 + 0.2", '{"value":0.30000000000000004}'),
    ("1e300 * 1e10", '{"value":"inf"}'),
    ("float('nan')", '{"value":"NaN"}'),
    ("True", '{"value":true}'),
    ("'text \\u00e9 \"'", '{"value":"text \u00e9 \\""}'),
    ("None", "{}"),
    ("[None, 1]", '[{"value":null},{"value":1}]'),
    ("{'a': 1, 'b': {'c': 2.5, 'd': [1, 'x', None]}}", '{"a":1,"b":{"c":2.5,"d":[1,"x",null]}}'),
    ("{'a': float('-inf'), 'b': [float('nan')]}", '{"a":"-inf","b":["NaN"]}'),
    ("{1: 'a', 2.5: 'b'}", '{"1":"a","2.5":"b"}'),
    ("[{'a': 1}, {'b': 2}]", '[{"a":1},{"b":2}]'),
    ("[]", "[]"),
    ("{}", "{}"),
    ("[1, 2.5, 'x']", '[{"value":1},{"value":2.5},{"value":"x"}]'),
    ("[[1, 2], [3]]", '[{"0":1,"1":2},{"0":3}]'),
    ("(1, 'x')", '{"0":1,"1":"x"}'),
    ("({'a': 1}, {'a': 2})", '[{"a":1},{"a":2}]'),
    ("range(2)", '[{"value":0},{"value":1}]'),
    ("(k * k for k in range(3))", '[{"value":0},{"value":1},{"value":4}]'),
    ("Point(1, 2.5)", '{"x":1,"y":2.5}'),
    ("[Point(1, 2)]", '[{"x":1,"y":2}]'),
    ("{'p': Point(1, 2)}", '{"p":{"x":1,"y":2}}'),
    ("datetime.datetime(2024, 2, 29, 12, 30)", '{"value":"2024-02-29T12:30:00"}'),
    ("{'d': datetime.date(2024, 2, 29), 's': datetime.timedelta(minutes=1)}",
     '{"d":"2024-02-29","s":60.0}'),
    ("pathlib.Path('/a/b')", '{"value":"/a/b"}'),
    ("decimal.Decimal('1.25')", '{"value":1.25}'),
    ("decimal.Decimal('0.12345678901234567890123')", '{"value":"0.12345678901234567890123"}'),
    ("fractions.Fraction(1, 3)", '{"value":"1/3"}'),
    ("Colour.RED", '{"value":"red"}'),
    ("Level.LOW", '{"value":3}'),
    ("array.array('d', [1, 2])", '[{"value":1.0},{"value":2.0}]'),
    ("{'trace': [1, 2, 3, Lattice()]}", r"value\.trace\[3\] is a 'Lattice', which has no columns: return"),
    ("[{'a': {1, 2}}]", r"value\[0\]\.a is a 'set'"),
    ("1j", r"value is a 'complex'"),
    ("b'x'", r"value is a 'bytes'"),
    ("lambda: 1", r"value is a 'function'"),
    ("Broken()", r"value cannot be written: RuntimeError: not now"),
    ("{1: 1, '1': 2}", r"value has two members named '1'"),
    ("self_holding", r"value.*is nested more than 100 deep"),
    ("'\\udc80'", r"value holds text with a lone surrogate"),
    ("waited(1)", r"value is a 'coroutine', which must be awaited"),
)
DATACLASSES = (("Result(1.5, Point(0, 1))", '{"energy":1.5,"at":{"x":0,"y":1}}'),)
NUMPY = (
    ("np.float64(0.1)", '{"value":0.1}'),
    ("np.int32(7)", '{"value":7}'),
    ("np.bool_(True)", '{"value":true}'),
    ("np.str_('x')", '{"value":"x"}'),
    ("np.float64('nan')", '{"value":"NaN"}'),
    ("np.array(3.5)", '{"value":3.5}'),
    ("np.array([1, 2])", '[{"value":1},{"value":2}]'),
    ("np.array([[1, 2], [3, 4]])", '[{"0":1,"1":2},{"0":3,"1":4}]'),
    ("np.array([1.5, np.inf])", '[{"value":1.5},{"value":"inf"}]'),
    ("np.zeros((2, 2, 2))", r"value is an array of 3 dimensions"),
    ("np.array([(1, 2.5)], dtype=[('a', int), ('b', float)])", '[{"a":1,"b":2.5}]'),
    ("np.array([(1, 2.5)], dtype=[('a', int), ('b', float)])[0]", '{"a":1,"b":2.5}'),
    ("{'m': np.mean([1, 2]), 'h': np.arange(3), 't': np.eye(2, dtype=int)}",
     '{"m":1.5,"h":[0,1,2],"t":[[1,0],[0,1]]}'),
    ("[np.arange(2), np.arange(2)]", '[{"0":0,"1":1},{"0":0,"1":1}]'),
    ("np.datetime64('2024-02-29')", '{"value":"2024-02-29"}'),
    ("np.array(['2024-02-29', 'NaT'], dtype='M8[ns]')",
     '[{"value":"2024-02-29T00:00:00.000000000"},{"value":null}]'),
    ("np.complex128(1)", r"value is a 'complex128'"),
    ("np.array([1j])", r"value\[0\] is a 'complex'"),
    ("{np.int64(1): 2}", '{"1":2}'),
    ("np.ma.array([1, 2], mask=[0, 1])", '[{"value":1},{"value":null}]'),
)
PANDAS = (
    ("pd.DataFrame({'a': [1, 2], 'b': ['x', None]})", '[{"a":1,"b":"x"},{"a":2,"b":null}]'),
    ("pd.DataFrame({'a': [1.5, np.nan]})", '[{"a":1.5},{"a":"NaN"}]'),
    ("pd.DataFrame({'a': [1, 2], 'k': ['x', 'y']}).set_index('k')", '[{"k":"x","a":1},{"k":"y","a":2}]'),
    ("pd.DataFrame({'a': [1, 1], 'b': [2, 4]}).groupby('a').agg({'b': ['min', 'max']})",
     '[{"a":1,"b.min":2,"b.max":4}]'),
    ("pd.DataFrame([[1, 2]])", '[{"0":1,"1":2}]'),
    ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", r"value has two columns named 'a'"),
    ("pd.DataFrame({'a': []})", "[]"),
    ("pd.DataFrame({'t': pd.to_datetime(['2024-02-29', None])})", '[{"t":"2024-02-29T00:00:00"},{"t":null}]'),
    ("pd.Series({'mean': 1.5, 'n': 2})", '{"mean":1.5,"n":2.0}'),
    ("pd.Series([1, 2])", '[{"value":1},{"value":2}]'),
    ("pd.Series([1, 2], name='m')", '[{"m":1},{"m":2}]'),
    ("pd.Series([1, 2], index=pd.Index([5, 6], name='k'), name='m')", '[{"k":5,"m":1},{"k":6,"m":2}]'),
    ("pd.Series(['x', pd.NA], dtype='string')", '[{"value":"x"},{"value":null}]'),
    ("pd.Timestamp('2024-02-29')", '{"value":"2024-02-29T00:00:00"}'),
    ("[pd.Series({'a': 1}), pd.Series({'a': 2})]", '[{"a":1},{"a":2}]'),
    ("{'d': pd.DataFrame({'a': [1]})}", '{"d":[{"a":1}]}'),
)

# Statements; status, code, pattern of why; pattern of what stands on stderr, newlines included.
FAULTS = (
    ("raise ValueError('wrong\\nsecond')", "exit", 1, "^ValueError: wrong$",
     r"\ATraceback [^\n]*\n  File \"[^\"]*calls.py\", line \d+, in run\n(.*\n)*ValueError: wrong\nsecond\n\Z"),
    ("chained('k')", "exit", 1, "^ValueError: no such key$", r"KeyError: 'k'\n\nThe above exception was"),
    ("sys.exit(3)", "exit", 3, r"^sys\.exit\(3\)$", r"\A\Z"),
    ("sys.exit(-1)", "exit", 255, r"^sys\.exit\(-1\)$", r"\A\Z"),
    ("sys.exit('no input')", "exit", 1, r"^sys\.exit\('no input'\)$", r"\Ano input\n\Z"),
    ("sys.exit(0)", "invalid", 0, r"^the function left by sys\.exit\(0\) and returned nothing$", r"\A\Z"),
    ("sys.exit()", "invalid", 0, r"left by sys\.exit\(\) and", r"\A\Z"),
    ("raise KeyboardInterrupt", "exit", 1, "^KeyboardInterrupt$", "KeyboardInterrupt"),
    ("raise GeneratorExit", "exit", 1, "^GeneratorExit$", "GeneratorExit"),
    ("raise Mute", "exit", 1, r"^Mute: \(its text cannot be had\)$", "Mute"),
    ("raise MemoryError", "exit", 1, "^MemoryError$", "MemoryError"),
    ("endless(1)", "exit", 1, "^RecursionError: ", "RecursionError"),
    ("raise ValueError('\\u00e9' * 400)", "exit", 1, "^ValueError: \u00e9{144}$", "ValueError"),
    ("raise ValueError('\\udc80')", "exit", 1, r"^ValueError: \\udc80$", "ValueError"),
    ("compile('1 +', 'f.py', 'exec')", "exit", 1, "^SyntaxError: ", r'File "f.py", line 1'),
    ("value = generated(5)\nvalue = list(value)", "exit", 1, "^ValueError: at 3$", "in generated"),
    ("1 / 0", "exit", 1, "^ZeroDivisionError: ", "ZeroDivisionError"),
)

# Statements after which the worker must be as it was.
MISCHIEF = (
    ("closed streams", "sys.stdout.close(); sys.stderr.close()"),
    ("replaced streams", "import io; sys.stdout = io.StringIO(); sys.stderr = None"),
    ("closed descriptors", "os.close(1); os.close(2); os.closerange(3, 100)"),
    ("another file as descriptor 1", "f = open('/dev/null', 'w'); os.dup2(f.fileno(), 1)"),
    ("another folder", "os.chdir('/')"),
    ("a changed environment", "os.environ['PPGEN_TASK'] = 'x'; del os.environ['PPGEN_INDEX']; os.environ['PPGEN_SEED'] = 'y'"),
    ("a thread", "threading.Thread(target=time.sleep, args=(0.5,)).start()"),
    ("a signal handler", "signal.signal(signal.SIGTERM, lambda *a: None)"),
    ("a forked child that comes back", "pid = os.fork()\nif pid: os.waitpid(pid, 0)"),
    ("a forked child that raises", "pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: raise ValueError('child')"),
    ("a forked child that leaves", "pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: sys.exit(3)"),
)
CRASHES = (
    ("os._exit(7)", lambda s: os.WIFEXITED(s) and os.WEXITSTATUS(s) == 7),
    ("os.kill(os.getpid(), signal.SIGSEGV)", lambda s: os.WIFSIGNALED(s) and os.WTERMSIG(s) == signal.SIGSEGV),
    ("os.kill(os.getpid(), signal.SIGKILL)", lambda s: os.WIFSIGNALED(s) and os.WTERMSIG(s) == signal.SIGKILL),
    ("os.closerange(3, 1 << 16)", lambda s: os.WIFEXITED(s) and os.WEXITSTATUS(s) != 0),
)
# Files that cannot be used: name, text, call, pattern of the error.
UNUSABLE = (
    ("no_module", None, "no_module:f", r"^cannot import 'no_module': ModuleNotFoundError: No module named 'no_module'$"),
    ("needs", "import os\nimport not_there\n", "needs:f",
     r"^cannot import 'needs': ModuleNotFoundError: No module named 'not_there' \(needs\.py:2\)$"),
    ("syntax", "x = 1\ndef f(:\n", "syntax.py:f", r"^cannot import 'syntax\.py': SyntaxError: .* \(syntax\.py:2\)$"),
    ("leaves", "import sys\nsys.exit(4)\n", "leaves:f", r"^cannot import 'leaves': it left by sys\.exit\(4\) \(leaves\.py:2\)$"),
    ("empty", "", "empty:f", r"^there is no 'f' in 'empty' \(.*/empty\.py\)$"),
    ("number", "f = 1\n", "number:f", r"^'number:f' is a 'int', and cannot be called$"),
    ("takes", "def f(): pass\n", "takes:f", r"^'f' does not take the parameter 'what': add it, or \*\*others$"),
    ("more", "def f(what, extra): pass\n", "more:f", r"^'f' needs 'extra', which is no parameter of the spec"),
    ("waits", "async def f(what): pass\n", "waits:f", r"^'f' is a coroutine \(async def\)"),
    ("gone", "", "gone", r"^'gone' is no function: write MODULE:FUNCTION or FILE\.py:FUNCTION$"),
)


def worker(call="calls:make", folder=HERE, **more):
    """An interpreter with a function of calls.py."""
    return Worker(WORDS, PROGRAM, call, folder, env={"PYTHONDONTWRITEBYTECODE": "1"}, **more)


def check_values(at):
    """Every kind of value, and that a bad one costs only its own task."""
    have = {name: at.call({"what": "%s is not None" % name}).json()["value"] for name in ("np", "pd", "Result")}
    table = [(None, VALUES), ("Result", DATACLASSES), ("np", NUMPY), ("pd", PANDAS)]
    for needs, entries in table:
        for what, want in entries:
            if needs and not have[needs]:
                tap.skip(what, "this interpreter has no " + {"np": "numpy", "pd": "pandas"}.get(needs, "dataclasses"))
                continue
            reply = at.call({"what": what})
            if want[0] in "{[":
                tap.same((reply.status, reply.value.decode(), reply.why), ("ok", want, ""), what)
            else:
                tap.ok(reply.status == "invalid" and re.match(want, reply.why) and not reply.value,
                       "%s is invalid" % what, reply.status, reply.why, reply.value)


def check_faults(at):
    """Exceptions and exits."""
    for what, status, code, why, shown in FAULTS:
        before = at.call({"what": ""}).err
        reply = at.call({"what": what})
        text = text_of(at.err, before)
        tap.ok((reply.status, reply.code) == (status, code) and re.search(why, reply.why) and re.search(shown, text)
               and "/dev/fd" not in text and len(reply.why.encode()) <= 300,
               repr(what), reply.status, reply.code, reply.why, text[-500:])


def check_mischief(at):
    """What a function leaves behind."""
    probe = ("print('out'); print('err', file=sys.stderr); sys.stdout.flush(); sys.stderr.flush()\n"
             "value = [os.getcwd(), os.environ['PPGEN_TASK'],"
             " subprocess.check_output('echo \"$PPGEN_INDEX $PPGEN_SEED\"; ls /proc/self/fd | wc -l', shell=True).decode()]")
    for name, what in MISCHIEF:
        first = at.call({"what": what})
        reply = at.call({"what": probe})
        values = [row["value"] for row in reply.json() or []]
        tap.same((first.status, values, reply.out - first.out, reply.err - first.err),
                 ("ok", [HERE, "t%d" % reply.seq, "%d %d\n4\n" % (reply.seq, reply.seq + 7)], 4, 4),
                 "after %s all is as before" % name)


def check_output(at):
    """Prints of the function, of what it starts, and past Python; sizes in the reply."""
    for what, out, err in (("print('one')", 4, 0), ("print('two', file=sys.stderr)", 0, 4),
                           ("subprocess.call(['echo', 'three'])", 6, 0), ("os.write(1, b'four')", 4, 0),
                           ("sys.stdout.write('x' * 3000000)", 3000000, 0), ("raise SystemExit('z')", 0, 2)):
        before = at.call({"what": ""})
        reply = at.call({"what": what})
        tap.same((reply.out - before.out, reply.err - before.err), (out, err), "sizes after %s" % what)
    reply = at.call({"what": "value = [sys.stdin.read(), sys.argv, __name__, sys.path[0]]"})
    tap.same([r["value"] if "value" in r else r for r in reply.json()], ["", {"0": ""}, "calls", HERE],
             "stdin is empty, sys.argv and the module path are in order")


def check_crashes():
    """A dead interpreter has left the replies before, and none for the guilty."""
    for what, expected in CRASHES:
        with worker("calls:run") as at:
            good, bad = at.ask({"what": "value = 1"}), at.ask({"what": what})
            first = at.reply()
            try:
                at.reply()
                status = None
            except Died as died:
                status = died.args[0]
            tap.ok(first.seq == good and bad == good + 1 and status is not None and expected(status),
                   "%s: no reply, and its status" % what, status)
            if "SIGSEGV" in what:
                shown = text_of(at.err)
                tap.ok("Segmentation fault" in shown and "in run" in shown, "and where it was", shown)


def check_unusable(folder):
    """What is said when there is no function."""
    for name, text, call, want in UNUSABLE:
        if text is not None:
            with open(os.path.join(folder, name + ".py"), "w") as file:
                file.write(text)
        with worker(call, folder) as at:
            said = at.hello.get("error", "nothing")
            status = at.wait()
            shown = text_of(at.err)
            tap.ok(re.match(want, said) and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1
                   and "python.py" not in shown and "/dev/fd" not in shown, "no function: %s" % call, said, status, shown)


def check_calls(folder):
    """How functions are found and what they get."""
    os.makedirs(os.path.join(folder, "sub"))
    with open(os.path.join(folder, "sub", "here.py"), "w") as file:
        file.write("import pickle, sys\nimport beside\nclass K:\n    v = 1\n"
                   "def f(what):\n    return [pickle.loads(pickle.dumps(K())).v, beside.v, sys.argv[0]]\n"
                   "if __name__ == '__main__':\n    raise SystemExit('ran as main')\n")
    with open(os.path.join(folder, "sub", "beside.py"), "w") as file:
        file.write("v = 2\n")
    with worker("sub/here.py:f", folder) as at:
        tap.same([r["value"] for r in at.call({"what": 0}).json()], [1, 2, os.path.join(folder, "sub/here.py")],
                 "FILE.py:FUNCTION finds what lies beside the file, and its classes can be pickled")
    with worker("calls:Worker.method") as at:
        tap.same(at.call({"what": [1, "x", True, 2.5]}).json(), [{"value": 1}, {"value": "x"}, {"value": True}, {"value": 2.5}],
                 "CLASS.METHOD is called; parameters keep their types")
        tap.same(at.call({"what": "x" * 20000}).json(), {"value": "x" * 20000}, "a request of several packets")
        tap.same(at.call({"what": "\u00e9\u4e2d"}).json(), {"value": "\u00e9\u4e2d"}, "text that is not ASCII")
    os.environ.update(PPGEN_CPUS="3", PPGEN_MEMORY="1000")
    with worker("calls:extras") as at:
        reply = at.call({"what": 1})
        tap.same([r["value"] for r in reply.json()], [1, 7, 1 << 63, "/scr=atch \u00e9/0", "/keep", "t0", 0, 3, 1000, 5, "t0"],
                 "what a signature asks for")
        tap.same(at.hello["wants"], ["seed", "seed64", "scratch", "keep", "task", "index", "cpus", "memory"], "the hello tells it")
    with worker("calls:all_others", params=("a", "seed")) as at:
        tap.same(at.call({"a": 1, "seed": 2}).json(), {"a": 1, "seed": 2}, "**others gets the parameters only")
        tap.same(at.hello["wants"], [], "a parameter goes before what is given beside")
    for call, given in (("calls:make", 7), ("calls:all_others", {"what": "7", "rep": 3}), ("calls:repeated", 3)):
        with worker(call, params=("what", "rep")) as at:
            got = at.call({"what": "7", "rep": 3}).json()
            tap.same(got.get("value", got), given, "the number of the repetition is for who asks for it: %s" % call)
    with worker("calls:counted") as at:
        tap.same([at.call({"what": 0}).json()["value"] for _ in range(3)], [1, 2, 3], "a module is kept between calls")
    with worker("calls:run") as at:
        tap.same([r["value"] for r in at.call({"what": "value = [os.getcwd()]"}, folder).json()], [folder], "a folder of its own")
        tap.same([r["value"] for r in at.call({"what": "value = [os.getcwd()]"}).json()], [HERE], "and back")
        at.call({"what": "atexit.register(print, 'left')"})
        tap.same((at.finish(), text_of(at.out)), (0, "left\n"), "at the end, what atexit has is run")


def check_many():
    """Pipelined requests, and long values."""
    with worker() as at:
        for k in range(200):
            at.ask({"what": "%d" % k})
        tap.same([at.reply().json()["value"] for _ in range(200)], list(range(200)), "200 requests ahead, in order")
        reply = at.call({"what": "{'text': 'x' * 5000000}"})
        tap.same(reply.json(), {"text": "x" * 5000000}, "a value of 5 MB")
    with worker(value="bytes") as at:
        tap.same([at.call({"what": w}).value for w in ("b'\\x00\\n'", "bytearray(b'x')", "memoryview(b'yz')", "b''")],
                 [b"\x00\n", b"x", b"yz", b""], "bytes are kept as they are")
        reply = at.call({"what": "'text'"})
        tap.ok(reply.status == "invalid" and reply.why.startswith("value is a 'str', not bytes"), "text is no bytes", reply.why)
        tap.same(len(at.call({"what": "bytes(5000000)"}).value), 5000000, "5 MB of bytes")
    with worker(value="none") as at:
        reply = at.call({"what": "Lattice()"})
        tap.same((reply.status, reply.value), ("ok", b""), "results: none drops anything")


def check_packets():
    """Several requests in a packet, which of them was begun, and what is taken back."""
    with worker() as at:
        tap.same(at.hello["packs"], False, "without a page one request comes at a time")
    with worker("calls:run", page=True) as at, tempfile.TemporaryDirectory() as folder:
        tap.same(at.hello["packs"], True, "with a page several may come at a time")
        seqs = at.ask_together([{"what": "value = '%d\u2028\u00e9'" % k} for k in range(20)])
        tap.same([at.reply().json()["value"] for _ in seqs], ["%d\u2028\u00e9" % k for k in range(20)], "20 requests in a packet, in order")
        tap.same(at.page[0], seqs[-1], "the page tells which was begun last")
        go = os.path.join(folder, "go")
        waits = "import time\nwhile not os.path.exists(%r): time.sleep(0.01)" % go
        seqs = at.ask_together([{"what": ""}, {"what": waits}, {"what": ""}, {"what": ""}])
        tap.same(at.reply().seq, seqs[0], "what ended is told while what is behind it goes on")
        begun = wait_until(lambda: at.page[0] >= seqs[1] and at.page[0])
        tap.same(begun, seqs[1], "the one that goes on was begun, those behind it were not")
        at.page[1] = seqs[-1]
        os.mkdir(go)
        replies = [at.reply() for _ in seqs[1:]]
        tap.same([(r.seq, r.status) for r in replies], list(zip(seqs[1:], ("ok", "back", "back"))), "what is taken back is not begun")
        tap.same(at.page[0], seqs[1], "nor does the page say so")
        tap.same(at.call({"what": "value = 1"}).json(), {"value": 1}, "what comes later is")
        seq = at.seq
        at.page[1] = seq
        tap.same(at.call({"what": "print('begun')"}).status, "back", "also one that is taken back before it is read")
        tap.same(text_of(at.out), "", "which is not called")
        print_child = "import subprocess; value = subprocess.check_output(['ls', '/proc/self/fd']).decode().split()"
        fds = [row["value"] for row in at.call({"what": print_child}).json()]
        tap.ok(set(fds) <= {"0", "1", "2", "3"}, "what a function starts inherits no page", fds)


def wait_until(what):
    """What it returns when that is something."""
    for _ in range(6000):
        got = what()
        if got:
            return got
        time.sleep(0.01)
    raise TimeoutError("it does not come about")


def check_memory():
    """Variables that differ from task to task do not pile up (glibc keeps what setenv() is given)."""
    ask = "value = __import__('resource').getrusage(0).ru_maxrss"
    with worker("calls:run") as at:
        reply = at.call({"what": "import ctypes; value = hasattr(os.environ, '_data')"})
        if reply.value != b'{"value":true}':
            tap.skip("memory over 30000 calls", "this interpreter has no other way")
            return
        before = at.call({"what": ask}).json()["value"]
        for _ in range(300):
            for _ in range(100):
                at.ask({"what": ""})
            for _ in range(100):
                at.reply()
        grown = at.call({"what": ask}).json()["value"] - before
        tap.ok(grown < 5000, "memory over 30000 calls", "%d KiB more" % grown)


SEEN = (
    ("os.environ[name]", "{n: os.environ[n] for n in names}"),
    ("os.getenv()", "{n: os.getenv(n) for n in names}"),
    ("os.environb", "{n: os.environb[n.encode()].decode() for n in names}"),
    ("items()", "{k: v for k, v in os.environ.items() if k in names}"),
    ("dict()", "{n: dict(os.environ)[n] for n in names}"),
    ("a deep copy", "{n: __import__('copy').deepcopy(os.environ)[n] for n in names}"),
    ("a program", "dict(line.split('=', 1) for line in subprocess.check_output('env').decode().splitlines()"
                  " if line.split('=')[0] in names)"),
    ("a program with env", "dict(line.split('=', 1) for line in subprocess.check_output('env', env=os.environ).decode()"
                           ".splitlines() if line.split('=')[0] in names)"),
    ("os.system()", "(os.system('env >env.txt'), dict(line.rstrip('\\n').split('=', 1)"
                    " for line in open('env.txt', encoding='utf-8') if line.split('=')[0] in names))[1]"),
)


def check_environment():
    """Each call has its own variables, whoever asks for them and however long they are."""
    names = ["PPGEN_TASK", "PPGEN_SCRATCH", "MINE"]
    with worker("calls:run", texts=("MINE", "LONG")) as at, tempfile.TemporaryDirectory() as place:
        place = os.path.realpath(place)
        for name, what in SEEN:
            reply = at.call({"what": "names = %r\nvalue = %s" % (names, what)}, place)
            tap.same(reply.json(), {"PPGEN_TASK": "t%d" % reply.seq, "PPGEN_SCRATCH": "/scr=atch \u00e9/%d" % reply.seq,
                                    "MINE": at.text("MINE", reply.seq)}, "the call's own variables, as %s has them" % name)
        length = "value = [len(os.environ['LONG']), int(subprocess.check_output(['sh', '-c', 'echo ${#LONG}']))]"
        for stuffing in (0, 300, 100000, 1):
            at.stuffing = stuffing
            reply = at.call({"what": length})
            wanted = len(at.text("LONG", reply.seq))
            tap.ok([r["value"] for r in reply.json()] in ([wanted, wanted], [wanted, wanted + 1]),  # sh may count bytes
                   "a variable of %d characters" % wanted, reply.json())
    with worker("calls:mine", texts=("MINE",), per="chunk") as at:
        replies = at.chunk([{"what": k} for k in (1, 2, 0)])
        tap.same([r.json() for r in replies], [{"value": at.text("MINE", k)} for k in range(2)] + [None],
                 "in a chunk that raises, each item has its own")


def check_chunks():
    """Lists of items."""
    with worker("calls:squares", per="chunk") as at:
        replies = at.chunk([{"what": k} for k in (1, 2, 3)])
        tap.same([r.json() for r in replies], [{"value": k} for k in (1, 4, 9)], "a list for a list")
        tap.same(text_of(at.out), "called with 3\n", "in one call")
        replies = at.chunk([{"what": k} for k in (2, 13, 4)])
        tap.same([(r.status, r.value, r.why) for r in replies],
                 [("ok", b'{"value":4}', ""), ("exit", b"", "ValueError: thirteen"), ("ok", b'{"value":16}', "")],
                 "only the item that raises fails")
        tap.same(text_of(at.err).count("Traceback"), 1, "and its traceback is shown once")
        replies = at.chunk([{"what": k} for k in (1, 14)])
        tap.same([(r.status, r.why[:38]) for r in replies], 2 * [("invalid", "value has 1 items, and the function go")],
                 "a list of another length")
    with worker("calls:table", per="chunk", params=("a", "b")) as at:
        items = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
        replies = at.chunk(items)
        if "NoneType" in replies[0].why:
            tap.skip("a DataFrame for a list of dicts", "this interpreter has no pandas")
        else:
            tap.same([r.json() for r in replies], [{"sum": 3}, {"sum": 7}], "a DataFrame for a list of dicts")


def check_forks():
    """A process for each task."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: as the pool is
    with worker("calls:run", isolate="fork") as at:
        for what, code, value in (
                ("global count\nvalue = [count]\n", 0, '[{"value":0}]'),
                ("globals()['count'] = 5; import calls; calls.count += 1; value = calls.count", 0, '{"value":1}'),
                ("import calls; value = calls.count", 0, '{"value":0}'),
                ("value = os.getpgid(0) == os.getpid()", 0, '{"value":true}'),
                ("value = sorted(int(k) for k in os.listdir('/proc/self/fd'))[4] > 200", 0, '{"value":true}'),
                ("value = '%s' % " + repr("x" * 300000), 0, '{"value":"' + 300000 * "x" + '"}'),
                ("print('seen'); sys.exit(4)", 4, None)):
            child = at.spawn({"what": what})
            reply = child.reply()
            status = wait_for(child.pid)
            tap.ok(reply and os.WIFEXITED(status) and os.WEXITSTATUS(status) == code and reply.code == code
                   and (value is None or reply.value.decode() == value),
                   "in a process of its own: %s" % what[:60].replace("\n", "; "), status, reply and reply.why,
                   reply and reply.value[:100])
            if value is None:
                tap.same((text_of(child.out), reply.out), ("seen\n", 5), "with its own output")
            child.close()
        child = at.spawn({"what": "os.kill(os.getpid(), signal.SIGSEGV)"})
        status = wait_for(child.pid)
        tap.ok(child.reply() is None and os.WIFSIGNALED(status), "one that crashes has no reply", status)
        child.close()
        child = at.spawn({"what": "t = threading.Thread(target=print, args=('late',)); t.start(); value = 3"})
        tap.same(child.reply().json(), {"value": 3}, "and the next one has its own")
        wait_for(child.pid)
        child.close()
        tap.same(at.finish(), 0, "the end of requests is the end")


def check_processes():
    """multiprocessing within a function."""
    for way in ("fork", "spawn"):
        with worker("calls:in_processes") as at:
            reply = at.call({"what": way})
            tap.same((reply.status, reply.json()), ("ok", [{"value": 1}, {"value": 2}, {"value": 3}]),
                     "multiprocessing by %s" % way)


def main():
    """All of it."""
    try:
        version = subprocess.check_output(WORDS + ["--version"], stderr=subprocess.STDOUT).decode().strip()
    except OSError as fault:
        print("1..0 # SKIP %s" % fault)
        return 0
    print("# %s: %s" % (" ".join(WORDS), version), flush=True)
    folder = tempfile.mkdtemp()
    try:
        with worker() as at:
            tap.same((at.hello.get("ppgen"), at.hello.get("language"), at.hello.get("wants")), (1, version, []), "hello")
            check_values(at)
        with worker("calls:run") as at:
            check_faults(at)
        with worker("calls:run") as at:
            check_mischief(at)
        with worker("calls:run") as at:
            check_output(at)
        check_crashes()
        check_unusable(folder)
        check_calls(folder)
        check_many()
        check_packets()
        check_environment()
        check_memory()
        check_chunks()
        check_forks()
        check_processes()
    finally:
        shutil.rmtree(folder)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
