"""The decoder in C as a library: compiled where it can be, left aside where it can't; sanitised; as WebAssembly."""

import gc
import json
import os
import shutil
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest
import torch

from strivelm import SamplingConfig, generate, load_model, native
from strivelm.decoder import Decoder, NativeDecoder, engine_of
from strivelm.web import build

ROOT = Path(__file__).parents[1]
needs_c = pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not on this machine")


def script(path, lines):
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o700)
    return str(path)


def lanes(library):
    return library.strivelm_lanes()


# -- compiling ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A library that this process does not run."""
    cache = tmp_path_factory.mktemp("compiled") / "new" / "cache"
    code = f"import pathlib; from strivelm import native; native.load(pathlib.Path({str(cache)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    (made,) = cache.iterdir()
    return made


def copied(compiled, cache, mode=0o700):
    cache.mkdir(exist_ok=True)
    shutil.copyfile(compiled, cache / compiled.name)
    (cache / compiled.name).chmod(mode)
    return cache / compiled.name


def never(command, to, timeout):
    raise native.UnavailableError("it was to be compiled")


@needs_c
def test_it_is_compiled_once_and_then_found(compiled, tmp_path, monkeypatch):
    assert compiled.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(native, "_compile", never)
    copied(compiled, tmp_path)
    assert lanes(native.load(tmp_path)) in (4, 8, 16)
    with pytest.raises(native.UnavailableError, match="it was to be compiled"):
        native.load(tmp_path / "other")
    for flags in ((("-march=native", "-DOTHER"),), ((),)):
        monkeypatch.setattr(native, "PROCESSORS", flags)
        with pytest.raises(native.UnavailableError, match="it was to be compiled"):
            native.load(tmp_path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, "there is no C compiler"),
        ("echo 'cc: no such header' >&2; exit 1", "exit status 1.: cc: no such header"),
        ("exit 1", "exit status 1.: no words"),
        ("exit 0", "exit status 0"),
        ('while [ "$1" != -o ]; do shift; done; echo nothing > "$2"', "can't be loaded"),
    ],
)
def test_a_compiler_that_is_missing_or_broken_is_told(tmp_path, lines, words):
    compiler = str(tmp_path / "none") if lines is None else script(tmp_path / "cc", lines)
    with pytest.raises(native.UnavailableError, match=words):
        native.load(tmp_path / "cache", compiler)


def test_a_compiler_that_hangs_is_ended_with_what_it_started(tmp_path):
    compiler = script(tmp_path / "cc", f"sleep 60 & echo $! > {tmp_path}/started; wait")
    begin = time.monotonic()
    with pytest.raises(native.UnavailableError, match=r"did not end within 1 seconds"):
        native.load(tmp_path / "cache", compiler, timeout=1)
    assert time.monotonic() - begin < 20
    status = Path(f"/proc/{(tmp_path / 'started').read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z":  # gone, or nobody reaped it
        assert time.monotonic() < deadline, "what the compiler started still runs"
        time.sleep(0.05)


@needs_c
def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path):
    code = f"import pathlib; from strivelm import native; native.load(pathlib.Path({str(tmp_path)!r})).strivelm_lanes()"
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=300) for process in running] == [0, 0, 0]
    assert [path.suffix for path in tmp_path.iterdir()] == [".so"]


@needs_c
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert lanes(native.load(tmp_path / "file" / "cache")) in (4, 8, 16)


@needs_c
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("file", "folder"), [(0o777, 0o700), (0o720, 0o700), (0o700, 0o777)])
def test_what_others_could_have_put_there_is_not_run(compiled, tmp_path, monkeypatch, file, folder):
    made = copied(compiled, tmp_path / "cache", file)
    made.parent.chmod(folder)
    monkeypatch.setattr(native, "_compile", never)
    with pytest.raises(native.UnavailableError, match="it was to be compiled"):
        native.load(made.parent)


@needs_c
def test_a_damaged_library_is_made_anew(compiled, tmp_path):
    made = copied(compiled, tmp_path)
    os.truncate(made, 1000)
    assert lanes(native.load(tmp_path)) in (4, 8, 16)
    assert made.stat().st_size == compiled.stat().st_size


# -- where it does not serve -------------------------------------------------------------------------------------------


def test_without_it_torch_writes(model, monkeypatch):
    expected = [step.id for step in generate(model, [3, 4], SamplingConfig(40, seed=1))]
    monkeypatch.setattr(native, "_found", native.UnavailableError("there is no C compiler (cc)"))
    assert type(model.decoder()) is Decoder
    assert engine_of(model) == "torch"
    assert [step.id for step in generate(model, [3, 4], SamplingConfig(40, seed=1))] == expected
    with pytest.raises(ValueError, match=r"can't read this model: there is no C compiler \(cc\); use engine='torch'"):
        model.decoder(engine="c")


def test_a_process_without_a_compiler_writes_the_same(tmp_path):
    code = "from strivelm import load_model; print(repr(load_model('film').generate('T', 60, temperature=0, seed=1)))"
    texts = []
    for settings in (os.environ, os.environ | {"CC": str(tmp_path / "none"), "STRIVELM_CACHE": str(tmp_path)}):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=settings, capture_output=True, text=True)
        assert done.stderr == ""
        texts.append(done.stdout)
    assert texts[0] == texts[1] != ""


def test_an_unknown_engine_is_named(model):
    with pytest.raises(ValueError, match="engine is 'gpu'; expected 'c', 'torch' or None"):
        model.decoder(engine="gpu")


@needs_c
def test_what_c_cannot_read_is_torch_s(make_model):
    def damaged(model):
        with torch.no_grad():
            model.blocks[1].ff[0].weight[3, 3] = torch.nan
        return model

    def untied(model):
        model.head.weight = torch.nn.Parameter(model.tok.weight.detach().clone() * 2)
        return model

    for model in (make_model().double(), make_model().bfloat16(), damaged(make_model()), untied(make_model())):
        assert engine_of(model) == "torch"
        assert type(model.decoder()) is Decoder
    with pytest.raises(ValueError, match="not all finite"):
        damaged(make_model()).decoder(engine="c")
    with pytest.raises(ValueError, match=r"torch.float64 on cpu; C reads tensors of float32"):
        make_model().double().decoder(engine="c")


@needs_c
def test_weights_that_are_huge_but_finite_are_told(make_model):
    model = make_model()
    with torch.no_grad():
        model.blocks[0].qkv.weight.mul_(1e30)
    assert not model.decoder(engine="c").prefill([[1, 2, 3]]).isfinite().any()
    with pytest.raises(ValueError, match="logits are not finite"):
        next(generate(model, [1, 2, 3], SamplingConfig(3, seed=1)))


@needs_c
def test_memory_is_not_asked_for_that_the_machine_does_not_have(make_model, monkeypatch):
    monkeypatch.setattr(native.os, "sysconf", lambda name: 1000)  # pages, and bytes in one
    model = make_model()
    model.decoder()
    with pytest.raises(
        MemoryError, match=r"what 4000 streams remember needs [\d.]+ GB of memory; this machine has 0.0"
    ):
        model.decoder(4000)


# -- weights -----------------------------------------------------------------------------------------------------------


@needs_c
def test_weights_are_packed_once_until_they_change(make_model):
    model = make_model()
    first = native.weights(model)
    assert native.weights(model) is first
    model.blocks[1].proj.weight.data[2, 5] += 0.25  # `.data` changes no version
    second = native.weights(model)
    assert second is not first
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(model.decoder().prefill(ids), model(ids)[0][:, -1].detach(), rtol=2e-5, atol=2e-5)
    gone = weakref.ref(second)
    del model, first, second
    gc.collect()
    assert gone() is None


@needs_c
def test_a_decoder_keeps_the_weights_that_it_began_with(make_model):
    model = make_model()
    decoder, expected = model.decoder(), model.decoder().prefill([[1, 2, 3]])
    with torch.no_grad():
        model.tok.weight.mul_(2)
    native.weights(model)
    assert torch.equal(decoder.prefill([[1, 2, 3]]), expected)


@needs_c
def test_float16_is_read_where_it_holds_every_number(make_model):
    model = make_model()
    assert engine_of(model).startswith("c, float32, ")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    assert engine_of(model).startswith("c, float16, ")
    for beyond in (65536.0, 1 + 2**-12, 2**-26):
        with torch.no_grad():
            model.blocks[0].ff[2].weight[1, 1] = beyond
        assert engine_of(model).startswith("c, float32, ")
    with torch.no_grad():
        model.blocks[0].ff[2].weight[1, 1] = 2**-24  # the smallest
    assert engine_of(model).startswith("c, float16, ")
    assert engine_of(load_model("bundled")).startswith("c, float16, ")


# -- other builds ------------------------------------------------------------------------------------------------------


@needs_c
@pytest.mark.parametrize("flags", [(), ("-mavx",), ("-mavx2", "-mfma", "-mf16c")])
def test_narrower_vectors_give_the_same(make_model, random_ids, tmp_path, monkeypatch, flags):
    known = "".join(Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else "")
    if not all(f" {flag[2:]}" in known for flag in flags):
        pytest.skip("such a processor is not on this machine")
    ids = random_ids(model := make_model(n_head=3, n_embd=30, block_size=70), 2, 69)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())
    expected = model(ids)[0][:, -1].detach()
    monkeypatch.setattr(native, "PROCESSORS", (flags,))
    monkeypatch.setattr(native, "_found", native.load(tmp_path))
    assert lanes(native.library()) == (8 if flags else 4)
    decoder = NativeDecoder(model, 2)
    torch.testing.assert_close(decoder.prefill(ids), expected, rtol=2e-5, atol=2e-5)
    decoder.prefill(ids[:, :1])
    for column in ids.T[1:]:
        logits = decoder.step(column)
    torch.testing.assert_close(logits, expected, rtol=2e-5, atol=2e-5)


@needs_c
@pytest.mark.parametrize("flags", [["-march=native"], pytest.param([], marks=pytest.mark.slow)])
def test_a_sanitised_build_finds_nothing(tmp_path, flags):
    command = ["cc", "-O1", "-std=gnu11", "-fno-math-errno", *flags]
    command += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", str(tmp_path / "driver")]
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    probe = subprocess.run([*command, str(tmp_path / "empty.c")], capture_output=True)
    if probe.returncode or subprocess.run([str(tmp_path / "driver")], capture_output=True).returncode:
        pytest.skip("a sanitizer is not on this machine")
    sources = [str(path) for path in native.SOURCES if path.suffix == ".c"]
    subprocess.run([*command, str(ROOT / "tests" / "native_driver.c"), *sources, "-lm"], check=True)
    done = subprocess.run([str(tmp_path / "driver")], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) == pytest.approx(8203.10, abs=0.01)  # every build computes the same


NODE = """
const fs = require("fs");
const [wasm, sizes, tensors, prompt, count] = JSON.parse(fs.readFileSync(0, "utf8"));
const source = fs.readFileSync(tensors.file);
const { exports: c } = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(wasm)));
let free = (c.__heap_base.value + 63) & ~63;
function room(bytes) {
  const at = free;
  free = (free + Number(bytes) + 63) & ~63;
  const pages = Math.ceil(free / 65536) - c.memory.buffer.byteLength / 65536;
  if (pages > 0) c.memory.grow(pages);
  return at;
}
const s = room(28);
new Int32Array(c.memory.buffer, s, 7).set(sizes);
const weights = room(c.strivelm_weights_bytes(s)), arena = room(c.strivelm_arena_bytes(s));
const from = room(source.length), rows = room(12 * prompt.length), logits = room(4 * sizes[4]);
new Uint8Array(c.memory.buffer, from, source.length).set(source);
for (const [kind, layer, offset, along_in, along_out] of tensors.places) {
  const done = c.strivelm_pack(s, weights, kind, layer, from + 4 * offset, BigInt(along_in), BigInt(along_out), 0);
  if (done !== 1) throw new Error(`kind ${kind} of layer ${layer}: ${done}`);
}
function read(ids, start) {
  const row = new Int32Array(c.memory.buffer, rows, 3 * ids.length);
  ids.forEach((id, i) => row.set([id, 0, start + i], 3 * i));
  if (!c.strivelm_read(s, weights, arena, 0, ids.length, rows, 1, logits)) throw new Error("not read");
  return Array.from(new Float32Array(c.memory.buffer, logits, sizes[4]));
}
const found = [];
let said = read(prompt, 0);
for (let t = prompt.length; found.length < count; t++) {
  found.push(said.indexOf(Math.max(...said)));
  if (found.length < count) said = read(found.slice(-1), t);
}
console.log(JSON.stringify([found, said]));
"""


@pytest.mark.parametrize("half", [0, 1])
def test_webassembly_writes_the_same(make_model, tmp_path, half):
    if missing := [name for name in ("clang", "wasm-ld", "node") if shutil.which(name) is None]:
        pytest.skip(f"{missing[0]} is not on this machine")
    wasm = tmp_path / "decoder.wasm"
    build.build(wasm)
    model = make_model(n_layer=3, n_head=3, n_embd=42, block_size=100)
    if half:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.half())
    places, offset = [], 0
    with (tmp_path / "weights").open("wb") as file:
        for kind, layer, tensor, shape in native._tensors(model):
            file.write(tensor.detach().contiguous().numpy().tobytes())
            places.append((kind, layer, offset, shape[-1], 1))
            offset += tensor.numel()
    sizes = native.sizes_of(model)
    numbers = [getattr(sizes, name) for name, _ in sizes._fields_[:-1]]
    tensors = {"file": str(tmp_path / "weights"), "places": places}
    asked = json.dumps([str(wasm), [*numbers, half], tensors, [3, 4, 5], 90])
    done = subprocess.run(["node", "-e", NODE], input=asked, capture_output=True, text=True, check=True)
    found, logits = json.loads(done.stdout)
    decoder = model.decoder(engine="torch")
    said, expected = decoder.prefill([[3, 4, 5]]), []
    for _ in range(90):
        expected.append(int(said.argmax()))
        if len(expected) < 90:
            said = decoder.step(expected[-1:])
    assert found == expected
    torch.testing.assert_close(torch.tensor(logits), said[0], rtol=1e-4, atol=1e-4)
