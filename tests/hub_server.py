"""A small Hugging Face hub on the loopback, as far as the real client needs one to read and to write models."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories as folders, and what was sent to it."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.created: list[dict[str, Any]] = []
        self.commits: list[dict[str, bytes]] = []
        self.downloads: list[str] = []
        self.endpoint = ""
        self.refuses = False


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub that runs for as long as the context."""
    hub = Hub()
    handler = type("BoundHandler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        if self.hub.refuses:
            self._missing("Forbidden", 403)
        elif path == "/api/repos/create":
            self.hub.created.append(json.loads(body))
            self._json({"url": f"{self.hub.endpoint}/{json.loads(body)['name']}"})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            answer = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            self._json({"files": answer})
        elif "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            files = [line["value"] for line in lines if line["key"] == "file"]
            self.hub.commits.append({file["path"]: base64.b64decode(file["content"]) for file in files})
            url = f"{self.hub.endpoint}/{path.split('/')[3]}/{path.split('/')[4]}"
            self._json({"commitUrl": f"{url}/commit/{COMMIT}", "commitOid": COMMIT, "commitMessage": "m"})
        else:
            self._missing("EntryNotFound")

    def _get(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] == "api" and parts[1] == "models":
            self._api("/".join(parts[2:4]), parts[4:])
            return
        repository, rest = "/".join(parts[:2]), parts[2:]
        folder = self.hub.repositories.get(repository)
        if folder is None:
            self._missing("RepoNotFound")
        elif rest[1] not in ("main", "v1", COMMIT):
            self._missing("RevisionNotFound")
        elif not (folder / "/".join(rest[2:])).is_file():
            self._missing("EntryNotFound")
        else:
            self._file((folder / "/".join(rest[2:])).read_bytes(), "/".join(rest[2:]))

    def _api(self, repository: str, rest: list[str]) -> None:
        folder = self.hub.repositories.get(repository)
        if folder is None:
            self._missing("RepoNotFound")
            return
        if rest[:1] == ["revision"] and rest[1] not in ("main", "v1", COMMIT):
            self._missing("RevisionNotFound")
            return
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [path.relative_to(folder).as_posix() for path in paths]
        if rest[:1] == ["tree"]:
            sizes = [path.stat().st_size for path in paths]
            entries = zip(names, sizes, strict=True)
            self._json([{"type": "file", "path": name, "size": size, "oid": "0" * 40} for name, size in entries])
            return
        card = yaml.safe_load((folder / "README.md").read_text().split("---")[1]) if "README.md" in names else {}
        self._json(
            {
                "id": repository,
                "modelId": repository,
                "sha": COMMIT,
                "tags": card.get("tags", []),
                "downloads": 0,
                "private": False,
                "lastModified": "2026-01-01T00:00:00.000Z",
                "siblings": [{"rfilename": name} for name in names],
                "cardData": card,
            }
        )

    def _file(self, content: bytes, name: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.hub.downloads.append(name)
            self.wfile.write(content)

    def _json(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _missing(self, code: str, status: int = 404) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
