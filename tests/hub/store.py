"""What a Hub keeps: people, repos, commits, branches, tags, and the bytes of files. No HTTP here.

Names and rules follow what huggingface_hub 2.4 sends and understands; a test of the real client is the proof.
"""

import hashlib
import itertools
import re
from dataclasses import dataclass, field

import yaml
from hub.space_machine import Machine

LARGE = 10 << 20
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".png")
ATTRIBUTES = b"".join(b"*%s filter=lfs diff=lfs merge=lfs -text\n" % suffix.encode() for suffix in LFS_SUFFIXES)
LICENSES = {"mit", "apache-2.0", "cc0-1.0", "cc-by-4.0", "openrail", "other", "unknown"}

FILES = {
    ".gitattributes",
    "README.md",
    "config.json",
    "generation_config.json",
    "loss.png",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
}
"""What a repo holds after a push of these tests' run."""


class RefusalError(Exception):
    """What the Hub says no with: a status, the code that the client tells errors apart by, and words."""

    def __init__(self, status: int, message: str, code: str = ""):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class File:
    """A file of a commit; a large one is a pointer to the bytes kept under their sha256."""

    content: bytes
    sha256: str = ""
    """Set where the file is a large one."""

    @property
    def oid(self) -> str:
        """Git's blob id: of the content, or, of a large file, of the pointer that git keeps instead."""
        content = self.pointer if self.sha256 else self.content
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid

    @property
    def pointer(self) -> bytes:
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        return text.encode()

    @classmethod
    def of(cls, content: bytes, large: bool = False) -> "File":
        return cls(content, hashlib.sha256(content).hexdigest() if large else "")

    def listing(self, path: str) -> dict:
        """What tree and paths-info say of it."""
        entry = {"type": "file", "path": path, "size": len(self.content), "oid": self.oid}
        if self.sha256:
            lfs = {"oid": self.sha256, "size": len(self.content), "pointerSize": len(self.pointer)}
            entry["lfs"] = lfs
        return entry


@dataclass(frozen=True)
class Commit:
    """A state of a repo's files, and where it came from."""

    id: str
    parent: str | None
    files: dict[str, File]
    title: str = ""
    description: str = ""


@dataclass
class Repo:
    """A model, dataset or Space with its history."""

    private: bool = False
    gated: bool = False
    sdk: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    machine: Machine | None = None
    """What a Space runs on."""
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.commit("main", {".gitattributes": File(ATTRIBUTES)}, "initial commit")

    def resolve(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a commit's id names."""
        commit = self.branches.get(revision) or self.tags.get(revision) or revision
        if commit not in self.commits:
            raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[commit]

    def commit(self, branch: str, files: dict[str, File | None], title: str, description: str = "") -> Commit:
        """Adds a commit to a branch; None deletes a file."""
        parent = self.branches.get(branch)
        state = dict(self.commits[parent].files) if parent else {}
        state |= files
        state = {path: file for path, file in state.items() if file is not None}
        seed = f"{parent}{title}{len(self.commits)}{sorted((path, file.oid) for path, file in state.items())}"
        made = Commit(hashlib.sha1(seed.encode()).hexdigest(), parent, state, title, description)
        self.commits[made.id] = made
        self.branches[branch] = made.id
        return made

    def history(self, revision: str) -> list[Commit]:
        """The commits up to a revision, the last first."""
        found, commit = [], self.resolve(revision)
        while commit:
            found.append(commit)
            commit = self.commits.get(commit.parent)
        return found


@dataclass
class Person:
    """Who a token belongs to, and what it may do."""

    name: str
    role: str = "write"
    orgs: dict[str, str] = field(default_factory=dict)
    """Each organisation's name, and the person's role in it."""
    pro: bool = True
    """Whether the person subscribes."""
    pays: bool = True
    """Whether the person has a means of payment."""
    scopes: list[dict] | None = None
    """Of a fine-grained token: what it may do where, as whoami-v2 says it."""

    def may_write(self, repo: str) -> bool:
        owner = repo.split("/")[0]
        if self.role == "fineGrained":
            return any(
                scope["entity"]["name"] in (owner, repo) and "repo.write" in scope["permissions"]
                for scope in self.scopes or ()
            )
        mine = owner == self.name or self.orgs.get(owner) in ("admin", "write", "contributor")
        return mine and self.role == "write"

    def may_read(self, repo: str) -> bool:
        return repo.split("/")[0] in (self.name, *self.orgs)

    def whoami(self) -> dict:
        """What whoami-v2 answers."""
        token = {"displayName": "test", "role": self.role}
        if self.role == "fineGrained":
            token["fineGrained"] = {"global": [], "scoped": self.scopes or []}
        orgs = [{"type": "org", "name": name, "roleInOrg": role} for name, role in self.orgs.items()]
        paid = {"isPro": self.pro, "canPay": self.pays}
        return {"type": "user", "name": self.name, "orgs": orgs, "auth": {"accessToken": token}} | paid


@dataclass
class Store:
    """Everything that a Hub knows."""

    people: dict[str, Person] = field(default_factory=dict)
    """By token."""
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    """By kind ("models", "datasets", "spaces") and "owner/name"."""
    large: dict[str, bytes] = field(default_factory=dict)
    """The bytes of large files by their sha256, whether a commit names them or not."""
    numbers: itertools.count = field(default_factory=itertools.count)
    machine: dict = field(default_factory=dict)
    """How the machines of Spaces that are made from now on behave: Machine's fields by name."""

    def readable(self, kind: str, name: str, person: Person | None) -> Repo:
        """A repo that a person may read. As on the Hub, strangers can't tell a private one from none."""
        repo = self.repos.get((kind, name))
        if repo is None or (repo.private and not (person and person.may_read(name))):
            if person is None:
                raise RefusalError(401, "Invalid username or password.")
            raise RefusalError(404, "Repository not found", "RepoNotFound")
        return repo

    def open(self, repo: Repo, name: str, person: Person | None) -> None:
        """Raises where a repo's files are kept behind a gate."""
        if repo.gated and not (person and person.may_read(name)):
            words = f"Access to model {name} is restricted. You must have access to it and be authenticated."
            raise RefusalError(403 if person else 401, words, "GatedRepo")

    def writable(self, kind: str, name: str, person: Person | None) -> Repo:
        """A repo that a person may write to."""
        repo = self.readable(kind, name, person)
        if person is None:
            raise RefusalError(401, "Invalid username or password.")
        if not person.may_write(name):
            raise RefusalError(403, "Forbidden: you must use a token with write access to this repo")
        return repo

    def create(self, kind: str, name: str, person: Person | None, **settings) -> Repo:
        """A new, empty repo."""
        if person is None:
            raise RefusalError(401, "Invalid username or password.")
        if not person.may_write(name):
            owner = name.split("/")[0]
            raise RefusalError(403, f'You don\'t have the rights to create a {kind[:-1]} under the namespace "{owner}"')
        if (kind, name) in self.repos:
            raise RefusalError(409, f"You already created this {kind[:-1]} repo")
        self.repos[kind, name] = Repo(**settings)
        return self.repos[kind, name]


def large(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub keeps a file beside git: by its name, its size, or because it is no text."""
    return path.endswith(LFS_SUFFIXES) or size > LARGE or b"\0" in sample


def card_errors(content: str) -> list[str]:
    """What validate-yaml finds wrong in a card's metadata."""
    block = re.match(r"\s*---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", content, re.DOTALL)
    if not block:
        return []
    try:
        data = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        return [f"invalid YAML: {error}"]
    if not isinstance(data, dict):
        return ["metadata must be a mapping"]
    wrong = []
    if "license" in data and data["license"] not in LICENSES:
        wrong.append(f'"license" must be one of {sorted(LICENSES)}')
    for key in ("tags", "datasets"):
        values = data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            wrong.append(f'"{key}" must be an array of strings')
    wrong += [f'"datasets" holds {n!r}, no id' for n in data.get("datasets", []) if not re.fullmatch(r"[\w./-]+", n)]
    for model in data.get("model-index", []):
        if not isinstance(model.get("name"), str):
            wrong.append('"model-index[0].name" must be a string')
        for result in model.get("results") or [{}]:
            given = (result.get("task", {}).get("type"), *map(result.get("dataset", {}).get, ("type", "name")))
            if not all(isinstance(value, str) and value for value in given):
                wrong.append('"model-index[0].results[0]" needs task.type, dataset.type and dataset.name')
            for metric in result.get("metrics") or [{}]:
                if not isinstance(metric.get("type"), str) or "value" not in metric:
                    wrong.append('"model-index[0].results[0].metrics[0]" needs type and value')
    return wrong
