"""A stand-in of the Hugging Face hub: its cache in a temporary folder, and a server on this machine.

A folder's conftest.py imports the fixtures.
"""

import hashlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from huggingface_hub import constants

COMMIT = "5" * 40
FILE = "model.safetensors"


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """An empty cache of the hub's client, here and in processes that are started; nobody answers at the hub."""
    home = tmp_path / "hugging-face"
    monkeypatch.setenv("HF_HOME", str(home))
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    answer_at("http://127.0.0.1:9", monkeypatch)
    return home / "hub"


def answer_at(address, monkeypatch):
    """Let the hub be at that address, whatever proxies there are."""
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def keep(cache, repo, content):
    """Put a file of weights into the cache as the hub's client lays it out; return where."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    for name in ("refs", f"snapshots/{COMMIT}"):
        (folder / name).mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    file = folder / "snapshots" / COMMIT / FILE
    file.write_bytes(content)
    return file


class Hub(ThreadingHTTPServer):
    """Has the same weights for every repository of timm but those in `lacking`; remembers who fetched what."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.lacking, self.fetched, self.waits_s = b"weights" * 10_007, set(), [], 0.0


class Answer(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(whole=False)

    def do_GET(self):
        self.answer(whole=True)

    def answer(self, whole):
        repo, _, asked = self.path.strip("/").partition("/resolve/main/")
        known = not asked or (repo.startswith("timm/") and asked == FILE and repo not in self.server.lacking)
        content = self.server.content if known and asked else b""
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        if not known:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if whole and known and asked:
            self.server.fetched.append(repo)
            time.sleep(self.server.waits_s)
            self.wfile.write(content)

    def log_message(self, *given):
        pass


@pytest.fixture
def the_hub(hub_cache, monkeypatch):
    """A hub that answers, beside an empty cache."""
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        answer_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
        yield server
        server.shutdown()
