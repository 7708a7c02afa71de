"""When ONNX Runtime runs a model, and on what."""

import sys
from types import SimpleNamespace

import pytest

from pixeltable.models import onnx

INSTALLED = {"onnxruntime", "tokenizers", "torch"}
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def runtime(*providers: str) -> SimpleNamespace:
    return SimpleNamespace(get_available_providers=lambda: list(providers))


@pytest.mark.parametrize(
    ("device", "gpu", "providers", "installed", "expected"),
    [
        pytest.param("auto", False, [CPU], INSTALLED, True, id="no GPU"),
        pytest.param("auto", True, [CPU], INSTALLED, False, id="a GPU only torch can use"),
        pytest.param("auto", True, [CUDA, CPU], INSTALLED, True, id="a GPU both can use"),
        pytest.param("auto", True, [CPU], INSTALLED - {"torch"}, True, id="a GPU nothing can use"),
        pytest.param("cpu", True, [CPU], INSTALLED, True, id="a GPU that is not wanted"),
        pytest.param("cuda:1", True, [CPU], INSTALLED, False, id="a GPU that is wanted"),
        pytest.param("mps", False, [CPU], INSTALLED, False, id="what ONNX Runtime has not"),
        pytest.param("auto", False, [CPU], {"onnxruntime"}, False, id="no tokenizers"),
        pytest.param("auto", False, [CPU], {"tokenizers"}, False, id="no ONNX Runtime"),
    ],
)
def test_onnx_runtime_is_taken_unless_torch_has_a_gpu_for_itself(
    monkeypatch: pytest.MonkeyPatch, device: str, gpu: bool, providers: list[str], installed: set[str], expected: bool
) -> None:
    monkeypatch.setattr(onnx, "has_package", lambda name: name in installed)
    monkeypatch.setattr(onnx, "has_gpu", lambda: gpu)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime(*providers))
    assert onnx.can_run_onnx(device) is expected


@pytest.mark.parametrize(
    ("device", "providers", "expected"),
    [
        ("auto", [CPU], [CPU]),
        ("cpu", [CUDA, CPU], [CPU]),
        ("auto", [CUDA, CPU], [(CUDA, {"device_id": "0"}), CPU]),
        ("cuda:1", [CUDA, CPU], [(CUDA, {"device_id": "1"}), CPU]),
    ],
)
def test_cuda_is_asked_for_where_it_is_wanted_and_there(
    device: str, providers: list[str], expected: list[object]
) -> None:
    assert onnx._providers(runtime(*providers), device) == expected  # noqa: SLF001  # the choice alone, without a GPU
