"""A loopback Hub: what huggingface_hub's real client needs to push and to load, served over HTTP on this machine.

    with LoopbackHub() as hub:
        hub.store.people["hf_alice"] = Person("alice")
        hub.breakable.fail("PUT /lfs", "cut", after=100)
        ...  # a process whose HF_ENDPOINT is hub.url

Large files are sent by another host, as by the Hub's CDN: `localhost`, where the Hub itself is 127.0.0.1.
"""

import base64
import hashlib
import json
import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qs, unquote

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from hub import space_routes
from hub.faults import Breakable
from hub.space_machine import Machine
from hub.store import File, RefusalError, Repo, Store, card_errors, large

PAGE = 1000
HERE = "/api/{kind}/{owner}/{name}"


class LoopbackHub:
    """A Hub on a free port, in a thread of its own, for as long as the `with` lasts."""

    def __init__(self):
        self.store = Store()
        self.mirror = False
        """Whether it answers as a mirror does (Artifactory): no word of why on a 404, which ?expand= gets as well."""
        self.breakable = Breakable(application(self))
        # The protocol must be named: of a socket without one asyncio would let answers wait for their acknowledgment.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.cdn = f"http://localhost:{self.port}"

    def __enter__(self) -> "LoopbackHub":
        config = uvicorn.Config(self.breakable, log_level="critical", lifespan="off", timeout_keep_alive=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()

    def person(self, request: Request):
        """Whose token a request carries; None for a stranger. Raises for a token that nobody has."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.store.people:
            raise RefusalError(401, "Invalid credentials in Authorization header")
        return self.store.people.get(token)

    def repo(self, request: Request, write: bool = False) -> tuple[Repo, str]:
        """The repo that a request's path names, if the one who asks may read it (or write to it), and its name."""
        at = request.path_params
        name, ask = f"{at['owner']}/{at['name']}", self.store.writable if write else self.store.readable
        return ask(at.get("kind", "models"), name, self.person(request)), name


def application(hub: LoopbackHub) -> FastAPI:
    """The routes. Each raises RefusalError where the Hub says no."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(RefusalError)
    async def refuse(request: Request, refusal: RefusalError) -> Response:
        headers = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
        if hub.mirror:
            return JSONResponse({"errors": [{"status": refusal.status}]}, refusal.status)
        return JSONResponse({"error": refusal.message}, refusal.status, headers)

    _people_and_repos(app, hub)
    _reading(app, hub)
    _writing(app, hub)
    _large_files(app, hub)
    space_routes.routes(app, hub, HERE)
    return app


def _people_and_repos(app: FastAPI, hub: LoopbackHub) -> None:
    @app.get("/api/whoami-v2")
    async def whoami(request: Request):
        person = hub.person(request)
        if person is None:
            raise RefusalError(401, "Invalid username or password.")
        return person.whoami()

    @app.post("/api/repos/create")
    async def create(request: Request):
        asked, person = await request.json(), hub.person(request)
        kind = f"{asked.get('type') or 'model'}s"
        name = f"{asked['organization'] or (person and person.name)}/{asked['name']}"
        settings = {"private": asked.get("visibility") == "private"}
        if kind == "spaces":
            flavor = asked.get("hardware") or "cpu-basic"
            space_routes.check_hardware(person, flavor)
            settings |= {"sdk": asked["sdk"], "machine": Machine(requested=flavor, **hub.store.machine)}
            settings["variables"] = {item["key"]: item["value"] for item in asked.get("variables") or ()}
        prefix = "" if kind == "models" else f"{kind}/"
        try:
            hub.store.create(kind, name, person, **settings)
        except RefusalError as refusal:
            if refusal.status != 409:
                raise
            body = {"error": refusal.message, "url": f"{hub.url}/{prefix}{name}"}
            return JSONResponse(body, 409, {"X-Error-Message": refusal.message})
        if kind == "spaces":
            hub.store.repos[kind, name].commit("main", {"README.md": File(space_routes.FIRST_README)}, "initial README")
        return {"url": f"{hub.url}/{prefix}{name}"}

    @app.delete("/api/repos/delete")
    async def delete(request: Request):
        asked, person = await request.json(), hub.person(request)
        kind, name = f"{asked.get('type') or 'model'}s", f"{asked['organization'] or person.name}/{asked['name']}"
        hub.store.writable(kind, name, person)
        del hub.store.repos[kind, name]
        return {}

    @app.get(HERE + "/auth-check")
    async def may_read(request: Request):
        repo, name = hub.repo(request)
        hub.store.open(repo, name, hub.person(request))
        return {}

    @app.get(HERE + "/auth-check/write")
    async def may_write(request: Request):
        hub.repo(request, write=True)
        return {}

    @app.post("/api/validate-yaml")
    async def validate(request: Request):
        asked = await request.json()
        judge = space_routes.card_errors if asked["repoType"] == "space" else card_errors
        errors = [{"message": words} for words in judge(asked["content"])]
        return JSONResponse({"errors": errors, "warnings": []}, 400 if errors else 200)


def _reading(app: FastAPI, hub: LoopbackHub) -> None:
    @app.get(HERE + "/revision/{revision:path}")
    @app.get(HERE)
    async def info(request: Request):
        repo, name = hub.repo(request)
        commit = repo.resolve(request.path_params.get("revision", "main"))
        told = {"_id": "0", "id": name, "modelId": name, "sha": commit.id, "private": repo.private, "sdk": repo.sdk}
        wanted = request.query_params.getlist("expand")
        if wanted and hub.mirror:
            raise RefusalError(404, "")
        if wanted:
            return {key: value for key, value in told.items() if key in ("_id", "id", *wanted)}
        entries = [file.listing(path) for path, file in commit.files.items()]
        told["siblings"] = [{"rfilename": e["path"], "size": e["size"], "blobId": e["oid"]} for e in entries]
        return told | {"gated": "auto" if repo.gated else False, "tags": [], "downloads": 0, "likes": 0}

    @app.get(HERE + "/tree/{rest:path}")
    async def tree(request: Request, cursor: int = 0):
        repo, _ = hub.repo(request)
        revision, folder = _revision_and_path(request, "tree")
        files = sorted(repo.resolve(revision).files.items())
        if folder:
            files = [(path, file) for path, file in files if path.startswith(f"{folder}/")]
            if not files:
                raise RefusalError(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
        page = [file.listing(path) for path, file in files[cursor : cursor + PAGE]]
        following = f"{hub.url}{request.url.path}?recursive=true&cursor={cursor + PAGE}"
        more = {"Link": f'<{following}>; rel="next"'} if cursor + PAGE < len(files) else {}
        return JSONResponse(page, headers=more)

    @app.post(HERE + "/paths-info/{revision:path}")
    async def paths_info(request: Request, revision: str):
        repo, _ = hub.repo(request)
        files = repo.resolve(revision).files
        wanted = parse_qs((await request.body()).decode()).get("paths", [])
        return [files[path].listing(path) for path in wanted if path in files]

    @app.get(HERE + "/refs")
    async def refs(request: Request):
        repo, _ = hub.repo(request)

        def listed(names: dict[str, str], prefix: str) -> list[dict]:
            return [{"name": n, "ref": f"{prefix}/{n}", "targetCommit": commit} for n, commit in names.items()]

        branches, tags = listed(repo.branches, "refs/heads"), listed(repo.tags, "refs/tags")
        return {"branches": branches, "converts": [], "tags": tags}

    @app.get(HERE + "/commits/{revision:path}")
    async def commits(request: Request, revision: str):
        repo, _ = hub.repo(request)
        date = "2026-01-01T00:00:00.000Z"
        return [
            {"id": c.id, "title": c.title, "message": c.description, "authors": [{"user": "system"}], "date": date}
            for c in repo.history(revision)
        ]

    @app.api_route("/{owner}/{name}/resolve/{rest:path}", methods=["GET", "HEAD"])
    async def resolve(request: Request):
        repo, name = hub.repo(request)
        hub.store.open(repo, name, hub.person(request))
        revision, path = _revision_and_path(request, "resolve")
        commit = repo.resolve(revision)
        if path not in commit.files:
            refusal = RefusalError(404, "Entry not found", "EntryNotFound")
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message, "X-Repo-Commit": commit.id}
            return JSONResponse({"error": refusal.message}, 404, headers)
        file = commit.files[path]
        headers = {"X-Repo-Commit": commit.id, "ETag": f'"{file.etag}"'}
        if file.sha256:
            linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
            place = f"{hub.cdn}/cdn/{file.sha256}?repo={name}&at={path}&commit={commit.id}"
            return Response(status_code=302, headers=headers | linked | {"Location": place})
        return _sent(request, file.content, headers)

    @app.api_route("/cdn/{sha256}", methods=["GET", "HEAD"])
    async def cdn(request: Request, sha256: str, repo: str, at: str, commit: str):
        return _sent(request, hub.store.repos["models", repo].commits[commit].files[at].content, {})


def _revision_and_path(request: Request, verb: str) -> tuple[str, str]:
    """What stands after the verb. A branch's own slashes come quoted, which the decoded path no longer shows."""
    revision, _, path = request.scope["raw_path"].decode().split(f"/{verb}/", 1)[1].partition("/")
    return unquote(revision), unquote(path)


def _sent(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    """A file's bytes, or the part that a Range header asks for."""
    status = 200
    if asked := request.headers.get("range"):
        start, end = asked.removeprefix("bytes=").split("-")
        stop = int(end) + 1 if end else len(content)
        headers = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        content, status = content[int(start) : stop], 206
    if request.method == "HEAD":
        return Response(headers=headers | {"Content-Length": str(len(content))})
    return Response(content, status, headers, "application/octet-stream")


def _writing(app: FastAPI, hub: LoopbackHub) -> None:
    @app.post(HERE + "/preupload/{revision:path}")
    async def preupload(request: Request, revision: str):
        repo, _ = hub.repo(request, write=True)
        there, told = repo.resolve(revision).files, []
        for file in (await request.json())["files"]:
            path, mode = file["path"], large(file["path"], file["size"], base64.b64decode(file["sample"]))
            oid = {"oid": there[path].etag} if path in there else {}
            told.append({"path": path, "uploadMode": "lfs" if mode else "regular", "shouldIgnore": False} | oid)
        return {"files": told}

    @app.post(HERE + "/commit/{revision:path}")
    async def commit(request: Request, revision: str):
        repo, name = hub.repo(request, write=True)
        if revision not in repo.branches:
            raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        files, header = {}, {}
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value = item["value"]
            match item["key"]:
                case "header":
                    header = value
                case "file":
                    files[value["path"]] = File.of(base64.b64decode(value["content"]))
                case "lfsFile":
                    if value["oid"] not in hub.store.large:
                        raise RefusalError(400, f"Your push was rejected: {value['oid']} was not uploaded")
                    files[value["path"]] = File.of(hub.store.large[value["oid"]], large=True)
                case "deletedFile":
                    files[value["path"]] = None
        if header.get("parentCommit") not in (None, repo.branches[revision]):
            raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
        made = repo.commit(revision, files, header["summary"], header["description"])
        if repo.machine:
            repo.machine.change(made.id)
        return {"commitUrl": f"{hub.url}/{name}/commit/{made.id}", "commitOid": made.id, "pullRequestUrl": None}

    @app.post(HERE + "/branch/{branch:path}")
    async def branch(request: Request, branch: str):
        repo, _ = hub.repo(request, write=True)
        start = (await request.json()).get("startingPoint", "main")
        if branch.startswith("refs/"):
            raise RefusalError(400, "Invalid reference for a branch")
        if branch in repo.branches or branch in repo.tags:
            raise RefusalError(409, f"Reference already exists: {branch}")
        repo.branches[branch] = repo.resolve(start).id
        return {}

    @app.delete(HERE + "/branch/{branch:path}")
    async def delete_branch(request: Request, branch: str):
        repo, _ = hub.repo(request, write=True)
        if branch == "main" or branch not in repo.branches:
            raise RefusalError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        del repo.branches[branch]
        return {}

    @app.post(HERE + "/tag/{revision:path}")
    async def tag(request: Request, revision: str):
        repo, _ = hub.repo(request, write=True)
        name = (await request.json())["tag"]
        if name in repo.tags or name in repo.branches:
            raise RefusalError(409, f"Tag reference exists already: {name}")
        repo.tags[name] = repo.resolve(revision).id
        return {}


def _large_files(app: FastAPI, hub: LoopbackHub) -> None:
    @app.post("/{owner}/{name}.git/info/lfs/objects/batch")
    @app.post("/{kind}/{owner}/{name}.git/info/lfs/objects/batch")
    async def batch(request: Request):
        hub.repo(request, write=True)
        objects = []
        for asked in (await request.json())["objects"]:
            told = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in hub.store.large:
                upload = {"href": f"{hub.url}/lfs/{asked['oid']}"}
                told["actions"] = {"upload": upload, "verify": {"href": f"{hub.url}/lfs-verify"}}
            objects.append(told)
        return {"transfer": "basic", "objects": objects}

    @app.put("/lfs/{sha256}")
    async def upload(request: Request, sha256: str):
        body = await request.body()
        if hashlib.sha256(body).hexdigest() != sha256:
            raise RefusalError(400, "The bytes do not match their sha256")
        hub.store.large[sha256] = body
        return {}

    @app.post("/lfs-verify")
    async def verify(request: Request):
        asked = await request.json()
        with suppress(KeyError):
            if len(hub.store.large[asked["oid"]]) == asked["size"]:
                return {}
        raise RefusalError(404, "The object was not uploaded")
