"""The reviewed operators of ONNX Runtime are those that the installed one has for processors (issue 9, line 18)."""

from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from publishing.packages import operators


def test_every_reviewed_operator_has_a_kernel_here():
    kernels = {
        (kernel.domain, kernel.op_name)
        for kernel in runtime.get_all_opkernel_def()
        if kernel.provider == "CPUExecutionProvider"
    }
    assert {("com.microsoft", name) for name in operators.REVIEWED} <= kernels
    assert {("", name) for name in operators.REVIEWED_IN_STANDARD} <= kernels


def test_loops_that_write_text_and_samples_are_not_served():
    assert not operators.GENERATING & operators.REVIEWED
    assert not operators.is_served("com.microsoft", "SampleOp")
