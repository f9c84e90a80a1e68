"""The Python interpreter of a sandbox: one process that keeps its variables from cell to cell.

Reads one request a line on standard input, {"id", "code"}, and writes messages, one JSON object a line, on standard output:

  {"id", "type": "stream", "name": "stdout" | "stderr", "text"}
  {"id", "type": "result", "data": {mime type: text, base64 for images}, "is_value": bool}
  {"id", "type": "error", "name", "value", "traceback": [lines]}
  {"id", "type": "done", "cell": number}

A cell's own output, its subprocesses' too, goes through pipes, so that it cannot be taken for a message. SIGINT interrupts a
cell. Needs nothing but the standard library of Python 3.8 or later.
"""
import ast
import asyncio
import base64
import builtins
import codecs
import inspect
import json
import linecache
import os
import signal
import sys
import threading
import traceback

REQUESTS = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
MESSAGES = os.fdopen(os.dup(1), "wb", buffering=0)
DRAIN_LIMIT_S = 2.0
READ_BYTES = 65536
VALUE_CHARACTERS = 1_000_000

# Method of an object, its MIME type, and whether the method gives bytes.
REPRESENTATIONS = (
    ("_repr_html_", "text/html", False),
    ("_repr_markdown_", "text/markdown", False),
    ("_repr_latex_", "text/latex", False),
    ("_repr_svg_", "image/svg+xml", False),
    ("_repr_json_", "application/json", False),
    ("_repr_png_", "image/png", True),
    ("_repr_jpeg_", "image/jpeg", True),
)


class Messages:
    """Writes messages of the cell that runs, from any thread."""

    def __init__(self):
        self.cell_id = None
        self.lock = threading.Lock()

    def send(self, kind, **fields):
        line = json.dumps({"id": self.cell_id, "type": kind, **fields}).encode() + b"\n"
        with self.lock:
            view = memoryview(line)
            while view:
                view = view[MESSAGES.write(view) :]


class Pipe:
    """Standard output or error of a cell. A marker shows that all that was written before it has been sent."""

    def __init__(self, messages, name, fd):
        self.messages, self.name = messages, name
        self.reading, self.writing = os.pipe()
        os.dup2(self.writing, fd)
        self.marker, self.reached = None, threading.Event()
        threading.Thread(target=self.forward, daemon=True).start()

    def forward(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held = b""
        while True:
            held += os.read(self.reading, READ_BYTES)
            marker = self.marker
            at = held.find(marker) if marker else -1
            if at >= 0:
                ready, held = held[:at] + held[at + len(marker) :], b""
            else:
                # The start of a marker may be at the end: it stays until the rest of it has come.
                keep = next((n for n in range(len(marker) - 1, 0, -1) if held.endswith(marker[:n])), 0) if marker else 0
                ready, held = held[: len(held) - keep], held[len(held) - keep :]
            text = decoder.decode(ready, final=at >= 0)
            if text:
                self.messages.send("stream", name=self.name, text=text)
            if at >= 0:
                self.marker = None
                self.reached.set()

    def drain(self):
        self.reached.clear()
        self.marker = b"\0" + base64.b64encode(os.urandom(24)) + b"\0"
        os.write(self.writing, self.marker)
        self.reached.wait(DRAIN_LIMIT_S)


def shortened(text):
    return text if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS] + "…"


def encoded(value, is_binary):
    if is_binary:
        return value if isinstance(value, str) else base64.b64encode(value).decode()
    return value if isinstance(value, str) else json.dumps(value)


def representation(value):
    """The value in every MIME type that it has a representation in. A representation that fails is left out."""
    data = {}
    for method, mime, is_binary in REPRESENTATIONS:
        if inspect.isclass(value) or not callable(getattr(value, method, None)):
            continue
        try:
            shown = getattr(value, method)()
            if shown is not None:
                data[mime] = encoded(shown[0] if isinstance(shown, tuple) else shown, is_binary)
        except Exception:  # noqa: BLE001 -- a broken representation does not break the cell, as in a notebook
            continue
    if isinstance(value, (dict, list)) and "application/json" not in data:
        try:
            data["application/json"] = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            pass  # it is no JSON: its text stands alone
    data["text/plain"] = shortened(repr(value))
    return data


class Kernel:
    def __init__(self):
        self.messages = Messages()
        self.pipes = [Pipe(self.messages, "stdout", 1), Pipe(self.messages, "stderr", 2)]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.names = {"__name__": "__main__", "__builtins__": builtins, "display": self.display}
        self.cells = 0

    def display(self, *values):
        for value in values:
            self.messages.send("result", data=representation(value), is_value=False)

    def evaluate(self, tree, filename, mode):
        code = compile(tree, filename, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, self.names)  # noqa: S307 -- running code is what this is for
        return self.loop.run_until_complete(value) if code.co_flags & inspect.CO_COROUTINE else value

    def run(self, source):
        filename = f"<cell {self.cells}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        tree = ast.parse(source, filename)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self.evaluate(tree, filename, "exec")
        if last is None:
            return
        value = self.evaluate(ast.Expression(last.value), filename, "eval")
        if value is not None:
            self.names["_"] = value
            self.messages.send("result", data=representation(value), is_value=True)

    def show_figures(self):
        """Figures that a cell drew and did not close are shown as in a notebook."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        import io

        for number in pyplot.get_fignums():
            image = io.BytesIO()
            pyplot.figure(number).savefig(image, format="png", bbox_inches="tight")
            data = {"image/png": base64.b64encode(image.getvalue()).decode(), "text/plain": f"<Figure {number}>"}
            self.messages.send("result", data=data, is_value=False)
        pyplot.close("all")

    def failed(self, error):
        frames = error.__traceback__
        while frames is not None and not frames.tb_frame.f_code.co_filename.startswith("<cell "):
            frames = frames.tb_next
        lines = "".join(traceback.format_exception(type(error), error, frames)).splitlines()
        self.messages.send("error", name=type(error).__name__, value=shortened(str(error)), traceback=lines)

    def cell(self, request):
        self.cells += 1
        self.messages.cell_id = request["id"]
        try:
            self.run(request["code"])
            self.show_figures()
        except BaseException as error:  # noqa: BLE001 -- SystemExit and KeyboardInterrupt end the cell, not the interpreter
            self.failed(error)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except ValueError:
                pass  # the cell closed it
        for pipe in self.pipes:
            pipe.drain()
        self.messages.send("done", cell=self.cells)

    def serve(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for line in REQUESTS:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.cell(json.loads(line))


os.environ.setdefault("MPLBACKEND", "Agg")
Kernel().serve()
