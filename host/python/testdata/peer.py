"""A program that mirrors to a host and reads from it, with the requests of
LineHostMirror and LineHostReader.

    python3 peer.py ADDRESS

does what each line of stdin tells it, a JSON object, and answers each with one on
stdout.
"""

import json
import sys
import time
import urllib.parse

import urllib3

HEADERS = {"Content-Type": "application/json", "User-Agent": "cainmagi/syncstream"}


class Peer:
    def __init__(self, address):
        self.items = address
        parts = urllib.parse.urlsplit(address)
        self.states = parts._replace(path=parts.path + "-state").geturl()
        self.pool = urllib3.PoolManager(retries=False)
        self.line = ""  # not sent yet

    def ask(self, url, **query):
        if query:
            url += "?" + urllib.parse.urlencode(query)
        answer = self.pool.request("GET", url, headers=HEADERS, preload_content=False)
        data = answer.read()
        answer.release_conn()
        self.check(answer, data)
        return json.loads(data)["data"]

    def post(self, url, value):
        self.send("POST", url, json.dumps(value).encode())

    def send(self, method, url, body=None):
        # The body of the answer is not read, unless it says what is wrong.
        answer = self.pool.request(
            method, url, body=body, headers=HEADERS, preload_content=False
        )
        if answer.status >= 400:
            self.check(answer, answer.read())
        answer.release_conn()

    def check(self, answer, data):
        if answer.status < 400:
            return
        try:
            why = json.loads(data)["message"]
        except ValueError:
            why = data.decode(errors="replace")
        raise ConnectionError(why)

    # The mirror.

    def write(self, text):
        if self.ask(self.states, state="closed"):
            raise StopIteration("asked to stop")
        self.line += text
        if text.splitlines(True) != text.splitlines():  # it holds a line break
            self.flush()

    def flush(self):
        self.post(self.items, {"type": "str", "data": {"value": self.line}})
        self.line = ""

    def grouped(self, kind, lines):
        self.post(
            self.items,
            {
                "type": kind,
                "data": {
                    "/is_syncsdata": True,
                    "/type": "GroupedMessage",
                    "type": kind,
                    "data": lines,
                },
            },
        )

    def close(self):
        if self.line:
            self.flush()
        self.post(self.items, {"type": "close"})

    # The reader.

    def read(self, n=None):
        return self.ask(self.items) if n is None else self.ask(self.items, n=n)

    def state(self, name):
        return self.ask(self.states, state=name)

    def set_closed(self, value):
        self.post(
            self.states, {"state": "closed", "value": "true" if value else "false"}
        )

    def clear(self):
        self.send("DELETE", self.items)

    def reset(self):
        self.send("DELETE", self.states)

    # For the test.

    def drop(self):
        """Ends the connection."""
        self.pool.clear()

    def connections(self):
        """Says how many connections were made since the last drop."""
        host = self.pool.connection_from_url(self.items)
        return host.num_connections

    def lines(self, n, text):
        """Writes n lines, one write each, and says how many seconds it took."""
        start = time.perf_counter()
        for _ in range(n):
            self.write(text + "\n")
        return time.perf_counter() - start


def main():
    peer = Peer(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            data = getattr(peer, request["do"])(*request["with"] or [])
            answer = {"data": data}
        except (ConnectionError, StopIteration) as err:
            answer = {"error": type(err).__name__ + ": " + str(err)}
        print(json.dumps(answer), flush=True)


main()
