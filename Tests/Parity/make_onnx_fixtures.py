"""Makes Fixtures/onnx-attention.*: the test cases of ONNX's operator Attention, opsets 23 to 25.

Run by hand, only when the operator changes; the tests read the committed files and never need ONNX:

    python3 -m venv venv
    venv/bin/pip install onnx==1.23.2 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python Tests/Parity/make_onnx_fixtures.py

The cases are the onnx package's own backend node tests (Apache License 2.0, the ONNX project's contributors): what its
reference implementation makes of random inputs. Those in float32 are taken as they are. Those in float16 and bfloat16 are named
under `skipped`; the cases called `_expanded` are the same ones once more, as graphs of smaller operators, and left out.

onnx-attention.safetensors holds every tensor once, however many cases use it, as float32 under a number; booleans as 0 and 1.
onnx-attention.json holds for each case
    attributes        as the node has them
    inputs, outputs   the number of each one's tensor by the operator's own name for it
    keysInUse         nonpad_kv_seqlen, where there is one
    booleanMask       whether attn_mask is one of booleans
    rtol, atol        |found - expected| <= atol + rtol |expected|
"""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx.backend.test.case.node import collect_testcases
from safetensors.numpy import save_file

FIXTURES = Path(__file__).parent / "Fixtures"
INPUTS = ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"]
OUTPUTS = ["Y", "present_key", "present_value", "qk_matmul_output"]


class Tensors:
    """Arrays under numbers, equal ones under one."""

    def __init__(self):
        self.arrays = {}
        self.numbers = {}

    def number(self, array):
        """The number of an array of floats or booleans."""
        array = np.ascontiguousarray(array, dtype=np.float32)
        number = self.numbers.setdefault((array.shape, array.tobytes()), str(len(self.numbers)))
        self.arrays[number] = array
        return number


def arguments(case):
    """The case's arrays by the operator's own names: an argument that is absent has an empty name."""
    (node,) = case.model.graph.node
    ((inputs, outputs),) = case.data_sets

    def named(names, present, arrays):
        slots = [name for name, used in zip(names, present) if used]
        assert len(slots) == len(arrays), case.name
        return {name: np.asarray(array) for name, array in zip(slots, arrays)}

    return node, named(INPUTS, node.input, inputs), named(OUTPUTS, node.output, outputs)


def main():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package computes overflows of other operators on the way
        cases = [case for case in collect_testcases("Attention") if "_expanded" not in case.name]
    tensors, described, skipped = Tensors(), [], []
    for case in cases:
        node, inputs, outputs = arguments(case)
        types = {array.dtype for array in (*inputs.values(), *outputs.values())}
        if not types <= {np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)}:
            skipped.append(case.name)
            continue
        lengths = inputs.pop("nonpad_kv_seqlen", None)
        described.append(
            dict(
                name=case.name.removeprefix("test_attention_"),
                opset=case.model.opset_import[0].version,
                rtol=case.rtol,
                atol=case.atol,
                attributes={a.name: helper.get_attribute_value(a) for a in node.attribute},
                inputs={name: tensors.number(array) for name, array in inputs.items()},
                outputs={name: tensors.number(array) for name, array in outputs.items()},
                booleanMask="attn_mask" in inputs and inputs["attn_mask"].dtype == np.bool_,
                **({} if lengths is None else dict(keysInUse=lengths.tolist())),
            )
        )
    save_file(tensors.arrays, FIXTURES / "onnx-attention.safetensors")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in described)
    (FIXTURES / "onnx-attention.json").write_text(
        f'{{"onnx":"{onnx.__version__}","skipped":{json.dumps(skipped)},"cases":[\n{lines}\n]}}\n'
    )
    print(f"{len(described)} cases, {len(tensors.arrays)} tensors; skipped {len(skipped)} by their types")


if __name__ == "__main__":
    main()
