# SPDX-License-Identifier: MIT
"""Plays the pool for a language's program in templates/, as ppgen-language(7) says, and checks its answers.

    with Worker(["python3"], "templates/python.py", call="calls:make", folder="/f") as worker:
        reply = worker.call({"what": "1 + 1"})
        assert reply.value == b'{"value":2}'

A Worker is one interpreter. Requests are numbered by it; replies are looked for in that order.
"""
import json
import mmap
import os
import select
import socket
import tempfile
import time

PATIENCE = 120  # seconds for one answer: nothing here takes long, but a machine may be busy
VARIABLES = ("PPGEN_TASK=", "PPGEN_INDEX=", "PPGEN_SEED=", "PPGEN_SEED64=", "PPGEN_SCRATCH=/scr=atch \u00e9/", "PPGEN_KEEP=/")
HIGH = 40  # descriptors of a child stand here before they are put in their places


class Died(Exception):
    """The interpreter is gone: args[0] is its status as os.wait() gives it."""


class Reply:
    """One answer, taken apart."""

    def __init__(self, head, value, why):
        numbers = head.split()
        if len(numbers) != 9:
            raise ValueError("a reply's head is %r" % head)
        self.seq = int(numbers[0])
        self.status = numbers[1].decode()
        self.code, self.wall, self.cpu, self.out, self.err = map(int, numbers[2:7])
        self.value, self.why = value, why.decode()

    def json(self):
        """The value; None where there is none."""
        return json.loads(self.value.decode()) if self.value else None


class Stream:
    """Reads a pipe by lines and counts, and does not wait for ever."""

    def __init__(self, fd):
        self.fd, self.held = fd, b""

    def more(self):
        """Reads what is there; an end of the pipe is an EOFError."""
        if not select.select([self.fd], [], [], PATIENCE)[0]:
            raise TimeoutError("no answer in %d s" % PATIENCE)
        data = os.read(self.fd, 1 << 20)
        if not data:
            raise EOFError
        self.held += data

    def line(self):
        """The next line, without its newline."""
        while b"\n" not in self.held:
            self.more()
        line, self.held = self.held.split(b"\n", 1)
        return line

    def exactly(self, count):
        """So many bytes."""
        while len(self.held) < count:
            self.more()
        data, self.held = self.held[:count], self.held[count:]
        return data

    def reply(self):
        """The next reply."""
        head = self.line()
        n_value, n_why = map(int, head.split()[7:9])
        value = self.exactly(n_value)
        return Reply(head, value, self.exactly(n_why))


def spool():
    """A file for output that nobody else sees, appended to."""
    fd, path = tempfile.mkstemp()
    os.close(fd)
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    os.unlink(path)
    return fd


def text_of(fd, start=0):
    """All that a file holds from there on."""
    return os.pread(fd, os.fstat(fd).st_size, start).decode("utf-8", "replace")


def wait_for(pid):
    """The status of a process that may not be inherited yet."""
    for _ in range(PATIENCE * 100):
        try:
            return os.waitpid(pid, 0)[1]
        except ChildProcessError:
            time.sleep(0.01)
    raise TimeoutError("process %d is not inherited" % pid)


class Worker:
    """An interpreter that lives on."""

    def __init__(self, words, program, call, folder, value="rows", per="task", isolate="worker",
                 params=("what",), env=None, texts=(), page=False):
        self.fork = isolate == "fork"
        self.names, self.stuffing = list(texts), 0
        self.seq = 1 if page else 0
        self.page_fd = spool() if page else -1
        self.out, self.err = spool(), spool()
        if self.fork:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.socket, requests, self.requests = ours, theirs.detach(), -1
        else:
            requests, self.requests = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
        replies, answers = os.pipe2(os.O_CLOEXEC)
        self.stream = Stream(replies)
        if page:
            os.ftruncate(self.page_fd, 4096)
            self.page = memoryview(mmap.mmap(self.page_fd, 4096)).cast("Q")
        self.pid = self.start(words, program, requests, answers, folder, env)
        os.close(requests)
        os.close(answers)
        self.status = None
        self.send({"ppgen": 1, "call": call, "folder": folder, "per": per, "isolate": isolate,
                   "value": value, "params": list(params), "variables": list(VARIABLES),
                   "texts": self.names, **({"page": True} if page else {})})
        self.hello = json.loads(self.stream.line().decode())

    def start(self, words, program, requests, answers, folder, env):
        """Starts it with descriptors 0 to 5, and 6 where there is a page; returns its process."""
        with open(program, "rb") as file:
            text = file.read()
        script = spool()
        os.write(script, text)
        os.lseek(script, 0, os.SEEK_SET)
        null = os.open(os.devnull, os.O_RDONLY)
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(folder)
                fds = (null, self.out, self.err, requests, answers, script)
                fds += (self.page_fd,) if self.page_fd >= 0 else ()
                for k, fd in enumerate(fds):
                    os.dup2(fd, HIGH + k)
                for k in range(len(fds)):
                    os.dup2(HIGH + k, k)
                os.closerange(len(fds), 256)
                os.execvpe(words[0], list(words) + ["/dev/fd/5"], dict(os.environ, **(env or {})))
            finally:
                os._exit(127)
        os.close(script)
        os.close(null)
        return pid

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.finish()
        for fd in (self.out, self.err, self.stream.fd, self.page_fd):
            if fd >= 0:
                os.close(fd)

    def send(self, message, fds=()):
        """One request, in one packet or in several."""
        line = (json.dumps(message) + "\n").encode()
        if not self.fork:
            while line:
                line = line[os.write(self.requests, line[:4096]):]
            return
        if len(line) > 128 * 1024:
            whole = spool()
            os.write(whole, line)
            fds, line = list(fds) + [whole], b"file\n"
        import array
        self.socket.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
                            if fds else [])

    def words(self, seq):
        """What goes behind VARIABLES for a task."""
        return " ".join(("t%d" % seq, str(seq), str(seq + 7), str((1 << 63) + seq), str(seq), "keep"))

    def text(self, name, seq):
        """The value of a variable that holds any text."""
        return "%s \u00e9 \"%d\"" % (name, seq) + "x" * self.stuffing

    def texts(self, seq):
        """All of them."""
        return [self.text(name, seq) for name in self.names]

    def request(self, seq, params, folder=None):
        """A request for one task."""
        request = ["call", seq, params, self.words(seq)]
        if self.names or folder:
            request.append(self.texts(seq))
        return request + ([folder] if folder else [])

    def ask(self, params, folder=None):
        """Sends a request for one task; returns its number."""
        seq, self.seq = self.seq, self.seq + 1
        self.send(self.request(seq, params, folder))
        return seq

    def ask_together(self, many):
        """Sends requests for several tasks in one packet; returns their numbers."""
        seqs = list(range(self.seq, self.seq + len(many)))
        self.seq += len(many)
        lines = [json.dumps(self.request(seq, params)) + "\n" for seq, params in zip(seqs, many)]
        os.write(self.requests, "".join(lines).encode())
        return seqs

    def ask_chunk(self, items):
        """Sends a request for several tasks; returns the first one's number."""
        seq, self.seq = self.seq, self.seq + len(items)
        seqs = range(seq, self.seq)
        self.send(["chunk", seq, items, [self.words(k) for k in seqs]] +
                  ([[self.texts(k) for k in seqs]] if self.names else []))
        return seq

    def reply(self):
        """The next reply; Died where the interpreter is gone."""
        try:
            return self.stream.reply()
        except EOFError:
            raise Died(self.wait())

    def call(self, params, folder=None):
        """One task: request and reply."""
        seq = self.ask(params, folder)
        reply = self.reply()
        if reply.seq != seq:
            raise ValueError("reply %d to request %d" % (reply.seq, seq))
        return reply

    def chunk(self, items):
        """Several tasks in one call: their replies."""
        seq = self.ask_chunk(items)
        replies = [self.reply() for _ in items]
        if [r.seq for r in replies] != list(range(seq, seq + len(items))):
            raise ValueError("replies %s to a chunk from %d" % ([r.seq for r in replies], seq))
        return replies

    def spawn(self, params):
        """A task in a process of its own (isolate: fork): its Child."""
        seq, self.seq = self.seq, self.seq + 1
        child = Child()
        self.send(self.request(seq, params), (child.out, child.err, child.answers))
        os.close(child.answers)
        said = self.stream.line().split()
        if int(said[0]) != seq:
            raise ValueError("process %r for request %d" % (said, seq))
        child.pid = int(said[1])
        return child

    def wait(self):
        """Its status, when it has ended."""
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]
        return self.status

    def finish(self):
        """No more requests: its status."""
        if self.fork and self.socket:
            self.socket.close()
            self.socket = None
        elif self.requests >= 0:
            os.close(self.requests)
        self.requests = -1
        return self.wait()


class Child:
    """A task of isolate: fork, of which this process is the subreaper or not."""

    def __init__(self):
        self.out, self.err = spool(), spool()
        replies, self.answers = os.pipe2(os.O_CLOEXEC)
        self.stream = Stream(replies)
        self.pid = 0

    def reply(self):
        """Its reply; None where it ended without."""
        try:
            return self.stream.reply()
        except EOFError:
            return None

    def close(self):
        """Gives the descriptors back."""
        for fd in (self.out, self.err, self.stream.fd):
            os.close(fd)


class Tap:
    """One line a check, on stdout."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, what, *notes):
        """One check."""
        self.count += 1
        print("%sok %d - %s" % ("" if good else "not ", self.count, what), flush=True)
        if not good:
            self.failed += 1
            for note in notes:
                for line in str(note).splitlines():
                    print("# " + line, flush=True)

    def same(self, got, want, what):
        """Passes when both are equal and of one type."""
        self.ok(type(got) is type(want) and got == want, what, "got  %r" % (got,), "want %r" % (want,))

    def skip(self, what, why):
        """A check that cannot be made here."""
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, what, why), flush=True)

    def done(self):
        """The plan; the exit code."""
        print("1..%d" % self.count, flush=True)
        return 1 if self.failed else 0
