"""Functions that run as Lambda runs them: the deployed archive under the runtime interface client, a process each.

An execution environment serves one invocation at a time and is used again while it is warm; it is discarded after a
crash or a timeout and when code or configuration changed (Lambda Developer Guide, "Understanding the Lambda
execution environment lifecycle"). The process sees the archive, its layers, boto3 and the standard library, and
nothing else of this repository's development environment: what the archive forgot is missing here too.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.functions.model import InvocationResult, Kind, error_payload
from localaws.functions.runtime_api import Invocation, RuntimeApi, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import Distribution

    from localaws.functions.model import Function
    from localaws.iam.principals import Credentials

RUNTIME_DISTRIBUTIONS = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
"""What the managed Python runtimes carry besides the standard library (Lambda Developer Guide, "Building Lambda
functions with Python": the AWS SDK for Python and its dependencies), and the runtime interface client."""

INIT_TIMEOUT_S = 60.0
"""Lambda gives the init phase 10 s and then starts it again inside the invocation; a busy machine needs one longer try."""

NOWHERE = "http://127.0.0.1:9"
"""The endpoint of a function whose account has no server: port 9 (discard) on loopback, so that no call leaves the machine."""

PROCESS_SETTINGS = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")


class ProcessHost:
    """Runs deployed functions in processes of their own.

    Attributes:
        endpoint_url: where the functions' AWS calls go; set while a server runs.
    """

    def __init__(self, issue: Callable[[str], Credentials]) -> None:
        """Take what gives credentials for a session of a role."""
        self.endpoint_url = NOWHERE
        self._issue = issue
        self._lock = threading.Lock()
        self._idle: dict[str, list[_Environment]] = {}
        self._all: dict[str, _Environment] = {}
        self._root: Path | None = None

    def invoke(self, function: Function, payload: bytes, request_id: str) -> InvocationResult:
        """Run the function in a warm environment, or in a new one."""
        environment = self._take(function)
        result = environment.invoke(payload, request_id)
        self._give_back(environment, result)
        return result

    def kill(self, access_key: str) -> bool:
        """End the process that owns an access key, in the middle of what it does; return whether there was one."""
        with self._lock:
            environment = self._all.get(access_key)
        if environment is None:
            return False
        environment.kill()
        return True

    def environments(self) -> int:
        """Return how many execution environments exist, busy and warm."""
        with self._lock:
            return len(self._all)

    def close(self) -> None:
        """End every process and remove what was unpacked."""
        with self._lock:
            environments = list(self._all.values())
            self._all.clear()
            self._idle.clear()
            root, self._root = self._root, None
        for environment in environments:
            environment.close()
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)

    def _take(self, function: Function) -> _Environment:
        with self._lock:
            warm = self._idle.get(function.arn, [])
            while warm:
                environment = warm.pop()
                if environment.function.fingerprint == function.fingerprint and environment.alive:
                    return environment
                self._all.pop(environment.access_key, None)
                environment.close()
            root = self._workspace()
            task_root, python_path = _unpacked(root, function)
        credentials = self._issue(function.role_arn)
        environment = _Environment(
            function,
            root=root,
            task_root=task_root,
            python_path=python_path,
            credentials=credentials,
            endpoint_url=self.endpoint_url,
        )
        with self._lock:
            self._all[environment.access_key] = environment
        environment.start()
        return environment

    def _give_back(self, environment: _Environment, result: InvocationResult) -> None:
        with self._lock:
            reusable = environment.alive and result.kind in (Kind.RESPONSE, Kind.ERROR)
            if reusable and environment.access_key in self._all:
                self._idle.setdefault(environment.function.arn, []).append(environment)
                return
            self._all.pop(environment.access_key, None)
        environment.close()

    def _workspace(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="localaws-functions-"))
            _link_runtime(self._root / "runtime")
        return self._root


class _Environment:
    """One execution environment: a process and the Runtime API that it polls."""

    def __init__(
        self,
        function: Function,
        *,
        root: Path,
        task_root: Path,
        python_path: str,
        credentials: Credentials,
        endpoint_url: str,
    ) -> None:
        self.function = function
        self.access_key = credentials.access_key_id
        self._api = RuntimeApi()
        self._task_root = task_root
        self._scratch = Path(tempfile.mkdtemp(prefix="environment-", dir=root))
        self._log_path = self._scratch / "log"
        self._log_read = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._environ = {
            **{name: os.environ[name] for name in PROCESS_SETTINGS if name in os.environ},
            **_declared(function, self._api.address, task_root),
            "PYTHONPATH": python_path,
            "PYTHONPYCACHEPREFIX": str(root / "pycache"),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self._scratch),
            "AWS_ENDPOINT_URL": endpoint_url,
            **credentials.to_environ(),
        }

    @property
    def alive(self) -> bool:
        """Return whether the process can take another invocation."""
        running = self._process is not None and self._process.poll() is None
        return running and not self._killed

    def start(self) -> None:
        """Start the process; a thread reports its end."""
        with self._log_path.open("wb") as log:
            # -S: no site-packages; what the runtime carries is linked into a directory of its own.
            process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us, arguments from the template
                [sys.executable, "-S", "-m", "awslambdaric", self.function.handler],
                cwd=self._task_root,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._process = process
        if self._killed:
            process.kill()
        threading.Thread(target=self._report_end, args=(process,), daemon=True).start()

    def invoke(self, payload: bytes, request_id: str) -> InvocationResult:
        """Hand over one event and wait for what comes of it."""
        ready, document = self._hear(INIT_TIMEOUT_S)
        if ready is not Said.READY:
            return self._ended(ready, document, request_id)
        timeout_s = self.function.timeout_s
        # The process compares its deadline with the machine's clock, whatever the account's clock says.
        deadline_s = time.time() + timeout_s
        self._api.hand(Invocation(request_id, payload, deadline_s, self.function.arn))
        return self._ended(*self._hear(timeout_s), request_id)

    def kill(self) -> None:
        """End the process at once."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process and free its port and directory."""
        self.kill()
        if self._process is not None:
            self._process.wait()
        self._api.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _hear(self, timeout_s: float) -> tuple[Said | None, bytes]:
        try:
            return self._api.said.get(timeout=timeout_s)
        except queue.Empty:
            return None, b""

    def _ended(self, said: Said | None, document: bytes, request_id: str) -> InvocationResult:
        if said is Said.RESPONSE:
            return InvocationResult(Kind.RESPONSE, document, self._new_lines())
        if said is Said.INIT_ERROR:
            self.kill()
        if said in (Said.ERROR, Said.INIT_ERROR):
            return InvocationResult(Kind.ERROR, document, self._new_lines())
        if said is None:
            self.kill()
            message = f"Task timed out after {self.function.timeout_s:.2f} seconds"
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            return InvocationResult(
                Kind.TIMEOUT,
                error_payload("Sandbox.Timedout", f"RequestId: {request_id} Error: {message}"),
                (*self._new_lines(), f"{moment} {request_id} {message}"),
            )
        message = f"RequestId: {request_id} Error: Runtime exited with error: {document.decode()}"
        lines = (*self._new_lines(), message)
        return InvocationResult(Kind.CRASH, error_payload("Runtime.ExitError", message), lines)

    def _new_lines(self) -> tuple[str, ...]:
        try:
            with self._log_path.open("rb") as log:
                log.seek(self._log_read)
                written = log.read()
        except FileNotFoundError:  # the environment was closed under a running invocation
            return ()
        self._log_read += len(written)
        # The interface client writes a traceback as one record with \r in place of line ends.
        text = written.decode(errors="replace").replace("\r", "\n")
        return tuple(text.splitlines())

    def _report_end(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        reason = "signal: killed" if status < 0 else f"exit status {status}"
        self._api.said.put((Said.EXITED, reason.encode()))


def _declared(function: Function, api_address: str, task_root: Path) -> Mapping[str, str]:
    """Return the variables that Lambda defines, and the function's own (Developer Guide, "Defined runtime environment
    variables")."""
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        **function.environment,
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": api_address,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"[{function.version}]{secrets.token_hex(16)}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(task_root.parent / "runtime"),
        # A machine whose metadata service answers slowly or not at all must not slow the first call.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _unpacked(root: Path, function: Function) -> tuple[Path, str]:
    """Unpack code and layers once per content; return the task root and the PYTHONPATH."""
    home = root / function.code_digest
    task_root, opt = home / "task", home / "opt"
    if not home.exists():
        task_root.mkdir(parents=True)
        for layer in function.layers:
            _extract(layer, opt)
        _extract(function.code, task_root)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = [task_root, opt / "python", opt / "python" / "lib" / version / "site-packages"]
    return task_root, os.pathsep.join(map(str, [*path, root / "runtime"]))


def _extract(archive: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
        unpacked.extractall(target)


def _link_runtime(target: Path) -> None:
    target.mkdir()
    for name in RUNTIME_DISTRIBUTIONS:
        distribution = importlib.metadata.distribution(name)
        for entry in _top_level(distribution):
            (target / entry).symlink_to(Path(str(distribution.locate_file(entry))))


def _top_level(distribution: Distribution) -> set[str]:
    entries = {file.parts[0] for file in distribution.files or ()}
    return entries - {"..", "__pycache__"}
