"""A host in Flask that behaves as the Python package's LineHostBuffer does, with
all its quirks.

    python3 host.py MAXLEN

serves at /sync-stream, on a free port of the loopback interface that it prints.
"""

import collections
import logging
import sys
import threading

import flask
import werkzeug.serving

MAXLEN = int(sys.argv[1])


class Buffer:
    def __init__(self):
        self.lock = threading.Lock()
        self.items = collections.deque(maxlen=MAXLEN)
        self.line = ""  # the open line of all who write
        self.closed = False
        self.maxlen = MAXLEN

    def write(self, text):
        with self.lock:
            lines = (self.line + text).splitlines(True)
            self.line = ""
            if lines and lines[-1].splitlines()[0] == lines[-1]:  # no line break
                self.line = lines.pop()
            self.items.extend(line.splitlines()[0] for line in lines)

    def end_line(self):
        if self.line:
            self.items.append(self.line)
            self.line = ""

    def end(self, item=None):
        with self.lock:
            self.end_line()
            if item is not None:
                self.items.append(item)

    def read(self, n=None):
        with self.lock:
            items = list(self.items) + ([self.line] if self.line else [])
        if n is None:
            return items
        return items[-n:] if n > 0 else []

    def clear(self):
        with self.lock:
            self.items.clear()
            self.line = ""

    def state(self, name):
        if name == "closed":
            return self.closed
        if name == "maxlen":
            return self.maxlen
        if name == "curlen":
            return min(len(self.items) + 1, MAXLEN)  # one too high until it is full
        return None


buffer = Buffer()
app = flask.Flask(__name__)
app.json.sort_keys = False


def success(status=200, **more):
    return {"message": "success", **more}, status


@app.get("/sync-stream")
def get_items():
    return success(data=buffer.read(flask.request.args.get("n", type=int)))


@app.post("/sync-stream")
def post_item():
    body = flask.request.get_json(force=True)
    kind = body["type"]  # one that is missing or wrong is a page of HTML
    if kind == "str":
        buffer.write(body["data"]["value"])
    elif kind in ("error", "warning"):
        if body["data"]["/type"] != "GroupedMessage":
            raise TypeError("no grouped message")
        buffer.end(body["data"])
    elif kind == "close":
        buffer.end()
    else:
        raise ValueError(kind)
    return success(201)


@app.delete("/sync-stream")
def delete_items():
    buffer.clear()
    return success()


@app.get("/sync-stream-state")
def get_state():
    return success(data=buffer.state(flask.request.args["state"]))


@app.post("/sync-stream-state")
def post_state():
    body = flask.request.get_json(force=True)
    if body["state"] != "closed":
        raise ValueError(body["state"])
    buffer.closed = body["value"] == "true"
    return success(201)


@app.delete("/sync-stream-state")
def delete_state():
    buffer.closed = False
    buffer.maxlen = None  # forgotten
    return success()


@app.errorhandler(Exception)
def failed(err):
    page = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n"
    return page, 500


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
