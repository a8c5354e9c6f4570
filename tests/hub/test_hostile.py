"""Repos that were made to do harm: each refused in under a second and 200 megabytes, with the reason."""

import json
import pickle
import struct

import pytest
from hub.store import File, Person
from safetensors.torch import load_file, save

STRANGERS = {"public": True, "parameters": 50_000_000, "weights": 256 << 20, "small": 1 << 20, "disk": 1 << 30}


@pytest.fixture
def refused(client, tmp_path):
    """The function that opens alice/one as a public page does, and says why it is not opened."""
    client("opened", "bundled")  # what torch does the first time only takes seconds

    def call(ref="alice/one"):
        message, seconds, megabytes = client("measured", ref, limits=STRANGERS, cache_dir=tmp_path / "cache")
        assert message, "it was opened"
        assert seconds < 1
        assert megabytes < 200
        assert "\n" not in message
        assert len(message) < 500
        assert str(tmp_path) not in message
        assert not (tmp_path / "harmed").exists()
        return message

    return call


@pytest.fixture
def config(folder):
    """The model's config.json, to be spoilt."""
    return json.loads((folder / "config.json").read_text())


@pytest.fixture
def header(folder):
    """The header of the model's safetensors file, to be spoilt, and the tensors after it."""
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def safetensors(header, tensors=b""):
    """A safetensors file of any header."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + tensors


class Harm:
    """What a pickle does to the one who opens it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


# -- pickles -----------------------------------------------------------------------------------------------------------


def test_a_pickle_beside_is_never_opened(publish, folder, refused, tmp_path):
    harm = pickle.dumps(Harm(tmp_path / "harmed"))
    publish(folder, model__safetensors=None, pytorch_model__bin=harm)
    assert "holds no model.safetensors; pytorch_model.bin is a pickle, which could run code and is never" in refused()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_is_called_safetensors_is_never_opened(publish, folder, refused, tmp_path, protocol):
    harm = pickle.dumps(Harm(tmp_path / "harmed"), protocol) + bytes(5000)
    publish(folder, model__safetensors=harm)
    assert refused().endswith("alice/one/model.safetensors is no safetensors file")


# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is cut short"),
        (b"1234567", "is cut short"),
        (struct.pack("<Q", 2**64 - 1) + bytes(100), "is no safetensors file"),
        (struct.pack("<Q", 2**40) + bytes(100), "is no safetensors file"),
        (struct.pack("<Q", 101) + bytes(100), "is no safetensors file"),
        (safetensors(b"[" * 100_000), "is no safetensors file"),
        (safetensors(b'{"a":' * 50_000), "is no safetensors file"),
        (safetensors(b"[]"), "is no safetensors file"),
        (safetensors(b"\xff\xfe"), "is no safetensors file"),
        (safetensors({"a": None}), "is no safetensors file"),
        (safetensors({"a": {"shape": [1], "dtype": "F32"}}), "is no safetensors file"),
        (safetensors({"a": {"shape": [1], "dtype": "F32", "data_offsets": ["x", 1]}}), "is no safetensors file"),
        (safetensors(b'{"a":{"shape":[1],"dtype":"F32","data_offsets":[0,Infinity]}}'), "is no safetensors file"),
        (safetensors({}), "lacks h.0.attn.c_attn.bias"),
        (safetensors({"a" * 900_000: {"shape": [1], "dtype": "F32", "data_offsets": [0, 4]}}), "lacks h.0.attn"),
    ],
)
def test_a_header_that_is_none(publish, folder, refused, content, words):
    publish(folder, model__safetensors=content)
    assert words in refused()


def wild(name, **changed):
    """A change of one tensor's entry in a header."""
    return lambda header: header | {name: header[name] | changed}


WTE, WPE = "wte.weight", "wpe.weight"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            wild(WTE, shape=[10**9, 10**9]),
            "wte.weight has shape (1000000000, 1000000000); config.json says",
        ),
        (wild(WTE, shape=[-25, 32]), "has shape (-25, 32)"),
        (wild(WTE, shape=list(range(100_000))), "has shape (0, 1, 2, 3, 4, 5, ...)"),
        (wild(WTE, dtype="I64"), "is I64; expected one of F64, F32, F16, BF16"),
        (wild(WTE, dtype=["F32"]), "is ['F32']; expected one of"),
        (wild(WTE, dtype="F16"), "is damaged: wte.weight lies at"),
        (wild(WTE, data_offsets=[0, 2**62]), "is damaged: "),
        (wild(WTE, data_offsets=[-8, 3192]), "is damaged: wte.weight lies at [-8, 3192]"),
        (wild(WTE, data_offsets=[0, 1, 2]), "is damaged: "),
        (lambda header: header | {WPE: header[WPE] | {"data_offsets": [0, 2048]}}, "is damaged: "),
        (lambda header: {name: entry for name, entry in header.items() if name != WTE}, "lacks wte.weight"),
        (lambda header: header | {"evil": header[WTE]}, "holds, beyond this architecture, evil"),
        (lambda header: header | {f"x{i}": header[WTE] for i in range(9000)}, "and 8996 more"),
    ],
)
def test_a_header_that_lies(publish, folder, refused, header, spoil, words):
    entries, tensors = header
    publish(folder, model__safetensors=safetensors(spoil(entries), tensors))
    assert words in refused()


@pytest.mark.parametrize("extra", [b"\0", bytes(10_000)])
def test_bytes_after_the_last_tensor_or_too_few(publish, folder, refused, extra):
    content = (folder / "model.safetensors").read_bytes()
    publish(folder, model__safetensors=content + extra)
    assert "is damaged: " in refused()
    publish(folder, model__safetensors=content[: -len(extra)])
    assert "is damaged: " in refused()


def test_weights_that_are_not_numbers(publish, folder, refused):
    tensors = load_file(folder / "model.safetensors")
    tensors["h.1.mlp.c_fc.weight"][3, 4] = float("nan")
    publish(folder, model__safetensors=save(tensors, metadata={"format": "pt"}))
    assert "alice/one/model.safetensors: h.1.mlp.c_fc.weight holds NaN or infinite numbers" in refused()


# -- sizes and vocabulary ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_embd": 200_000}, "n_embd=200,000 is out of bounds"),
        ({"n_embd": 4096, "n_layer": 12}, "alice/one is too large: 2,416,"),
        ({"n_layer": 10**400}, "n_layer=1"),
        ({"n_layer": -1}, "n_layer=-1 is out of bounds; expected a whole number from 1 to 512"),
        ({"n_layer": "2"}, "n_layer is '2'; expected a whole number"),
        ({"n_layer": 2.0}, "n_layer is 2.0; expected a whole number"),
        ({"n_layer": True}, "n_layer is True; expected a whole number"),
        ({"n_layer": None}, "n_layer is None; expected a whole number"),
        ({"n_layer": [2] * 100_000}, "n_layer is [2, 2, 2, 2, 2, 2, ...]; expected"),
        ({"n_head": 5}, "n_embd=32 is not divisible by n_head=5"),
        ({"vocab_size": 26}, "chars holds 25 characters, but vocab_size is 26"),
        ({"chars": "a" * 25}, "chars holds 'a' twice; expected distinct characters"),
        ({"chars": ["a"] * 25}, "chars is a list; expected a string"),
        ({"chars": "é" * 25}, "chars holds 'é' (U+00E9) twice"),
        ({"activation_function": "gelu_new"}, "says activation_function='gelu_new', but this architecture has"),
        ({"n_inner": 7}, "says n_inner=7, but this architecture has n_inner=None"),
        ({"tie_word_embeddings": False}, "says tie_word_embeddings=False"),
        ({"auto_map": {"AutoModel": "evil.Model"}, "n_layer": 0}, "n_layer=0 is out of bounds"),
    ],
)
def test_a_config_that_no_model_has(publish, folder, config, refused, change, words):
    publish(folder, config__json=json.dumps(config | change).encode())
    message = refused()
    assert words in message
    assert "alice/one" in message


@pytest.mark.parametrize("name", ["vocab_size", "block_size", "n_layer", "n_head", "n_embd"])
def test_a_config_that_leaves_a_size_out(publish, folder, config, refused, name):
    del config[name], config["model_type"]
    publish(folder, config__json=json.dumps(config).encode())
    assert f"alice/one/config.json lacks {name}; this is not a StriveLM model" in refused()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"3", b"{", b"\xff", b"[" * 500_000, b'{"a":' * 150_000, b'{"n_layer": ' + b"9" * 900_000 + b"}"],
)
def test_a_config_that_is_none(publish, folder, refused, content):
    publish(folder, config__json=content)
    assert "alice/one/config.json" in refused()


@pytest.mark.parametrize("name", ["config.json", "training.json"])
def test_a_file_that_is_too_large_is_not_fetched(hub, publish, folder, refused, name):
    publish(folder, **{name.replace(".", "__"): b"[" + b"[]," * 1_000_000 + b"[]]"})
    assert f"alice/one is too large: {name} has 3,000,004 bytes; at most 1,048,576 are read here" in refused()
    assert not any(line.endswith(name) for line in hub.breakable.log)


@pytest.mark.parametrize("content", [b"[1]", b"{", b"[" * 500_000])
def test_a_record_that_is_none(publish, folder, refused, content):
    publish(folder, training__json=content)
    assert "alice/one/training.json" in refused()


@pytest.mark.parametrize("best", ["1e999", '"low"', "[]", "true", "null", "{}"])
def test_a_record_that_claims_nonsense_claims_nothing(publish, folder, client, best, tmp_path):
    publish(folder, training__json=b'{"best": {"validation": %s}}' % best.encode())
    assert client("opened", "alice/one", STRANGERS, cache_dir=tmp_path / "cache")["validation_loss"] is None


# -- repos -------------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_files_are_never_listed(hub, publish, folder, client, tmp_path, refused):
    publish(folder)
    repo = hub.store.repos["models", "alice/one"]
    file = File(b"x")
    repo.commit("main", {f"f{i:06}/../../../x": file for i in range(100_000)} | {"../../evil": file}, "many")
    assert client("opened", "alice/one", STRANGERS, cache_dir=tmp_path / "cache")["model"]
    assert sum("tree" in line for line in hub.breakable.log) == 0
    assert not any("evil" in str(path) for path in tmp_path.rglob("*"))
    repo.commit("main", {"config.json": None}, "none of ours among them")
    assert "alice/one holds no config.json; this is not a StriveLM model" in refused()


@pytest.mark.parametrize(
    "ref",
    [
        "../one",
        "alice/..",
        "alice/../one",
        "alice/one/../../x",
        "..%2fone",
        "alice/one@../../main",
        "alice/one@main/../x",
        "alice/one@/etc/passwd",
        "alice/one@..",
        "alice/one@-x",
        "alice/one@a b",
        "alice/one@a\nb",
        "alice/one@x.lock",
        "alice/one@" + "x" * 5000,
        "a" * 100_000 + "/b",
        "alice/one\0",
        "ftp://127.0.0.1/alice/one",
        "file:///etc/passwd",
    ],
)
def test_a_name_that_leads_elsewhere_is_asked_of_nobody(hub, refused, ref):
    assert "is no model: expected 'bundled', 'film', 'film@step-N', 'owner/name'" in refused(ref)
    assert hub.breakable.log == []


class Lying(File):
    """A file of which the Hub says something else than it is."""

    lie: dict = {}  # noqa: RUF012 (each test has a class of its own)

    def listing(self, path):
        return super().listing(path) | self.lie


@pytest.mark.parametrize(
    "lie",
    [
        {"oid": "../../../etc/passwd"},
        {"oid": "a" * 41},
        {"oid": None},
        {"size": -1},
        {"size": "9"},
        {"size": 1e300},
        {"lfs": {"oid": "../" * 21 + "x", "size": 9}},
        {"lfs": {"oid": "a" * 64}},
        {"lfs": [1]},
        {"type": None, "path": None},
    ],
)
def test_a_hub_that_says_nonsense_of_a_file_is_not_believed(hub, publish, folder, refused, lie, tmp_path):
    publish(folder)
    Liar = type("Liar", (Lying,), {"lie": lie})
    repo = hub.store.repos["models", "alice/one"]
    repo.commit("main", {"config.json": Liar((folder / "config.json").read_bytes())}, "lies")
    assert "alice/one" in refused()
    assert not any(path.name in ("passwd", "x") for path in tmp_path.rglob("*"))


def test_a_hub_that_says_nonsense_of_a_commit_is_not_believed(hub, publish, folder, refused, tmp_path):
    publish(folder)
    repo = hub.store.repos["models", "alice/one"]
    lying = type(repo.resolve("main"))("../../../harm", None, repo.resolve("main").files)
    repo.commits[lying.id] = lying
    repo.branches["main"] = lying.id
    assert "it does not answer as the Hub does; is HF_ENDPOINT right?" in refused()
    assert not any("harm" in path.name for path in tmp_path.rglob("*"))


def test_more_bytes_than_were_stated_are_not_taken(hub, publish, folder, refused, tmp_path):
    publish(folder)
    content = (folder / "config.json").read_bytes()

    class Growing(File):
        def listing(self, path):
            return super().listing(path) | {"size": 100}

    hub.store.repos["models", "alice/one"].commit("main", {"config.json": Growing(content)}, "grown")
    assert "alice/one is damaged: config.json was received twice with other bytes than the Hub states" in refused()


def test_nobody_elses_repo_is_reached_by_case_or_dots(hub, publish, folder, refused):
    publish(folder)
    assert "there is no model Alice/one on the Hub" in refused("Alice/one")
    assert hub.store.people["hf_alice"] == Person("alice", orgs={"choir": "write", "readers": "read"})
