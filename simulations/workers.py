"""Where the work is done: on this machine's processes, or on a ray or dask cluster.

joblib hands the work out. An existing cluster is found where ray and dask look for it themselves:
`RAY_ADDRESS`, or dask's `scheduler-address` (`DASK_SCHEDULER_ADDRESS`). Without one, a local
cluster of as many workers as jobs is started and stopped.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed, parallel_config

from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


CALLS_A_WORKER = 16
"""Of a wave; starting one takes ray a second or two."""


class Backend(StrEnum):
    """Who runs the work."""

    LOKY = "loky"
    """Processes of this machine."""
    RAY = "ray"
    """A ray cluster."""
    DASK = "dask"
    """A dask cluster."""


def scatter(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, jobs: int, backend: Backend
) -> Iterator[Any]:
    """Call a function with each tuple of arguments, on many workers.

    Args:
        function: What to call; it and its arguments are pickled.
        calls: Arguments by call.
        jobs: Workers at once.
        backend: Who runs them.

    Yields:
        The results, in any order, as soon as they are there.

    Raises:
        CallerError: if the backend is not installed.
    """
    with _started(backend, jobs):
        if backend is Backend.RAY:
            # Its pool returns nothing before all of a call is done, so it gets waves of calls.
            wave = CALLS_A_WORKER * jobs
            for first in range(0, len(calls), wave):
                yield from Parallel(n_jobs=jobs)(
                    delayed(function)(*call) for call in calls[first : first + wave]
                )
        else:
            parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
            yield from parallel(delayed(function)(*call) for call in calls)


@contextmanager
def _started(backend: Backend, jobs: int) -> Iterator[None]:
    with ExitStack() as stack:
        if backend is Backend.RAY:
            ray = _need("ray", backend)
            address = os.environ.get("RAY_ADDRESS")
            ray.init(**({"address": address} if address else {"num_cpus": jobs}))
            stack.callback(ray.shutdown)
            import_module("ray.util.joblib").register_ray()
        elif backend is Backend.DASK:
            distributed = _need("distributed", backend)
            address = import_module("dask.config").get("scheduler-address", None)
            local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
            stack.enter_context(distributed.Client(address, **({} if address else local)))
        stack.enter_context(parallel_config(backend=backend.value, n_jobs=jobs))
        yield


def _need(module: str, backend: Backend) -> Any:  # noqa: ANN401 - a module that may be missing
    try:
        return import_module(module)
    except ImportError as error:
        raise CallerError(
            f"argument --backend: {backend} is not installed, "
            f"try pip install 'adaptive-compute-scheduler[{backend}]'"
        ) from error
