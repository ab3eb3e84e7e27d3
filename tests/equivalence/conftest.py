"""MindSpore without threads that wait for each other's operators by spinning: pytest's processes need the cores."""

import mindspore as ms

ms.runtime.launch_blocking()
