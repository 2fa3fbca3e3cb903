"""Serve an account on loopback, for callers that are other processes: the CDK's CLI, the AWS CLI, functions."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from localaws.identity import REGION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from localaws.account import Account

_LOGGER = logging.getLogger(__name__)

NOT_IMPLEMENTED = "NotImplemented"
LOOPBACK = "127.0.0.1"
OPERATOR = "testing"
"""The access key, and its secret, of whoever operates the account: nobody's role, so not authorized but throttled."""


@dataclass(frozen=True)
class Endpoint:
    """Where an account is served."""

    port: int
    region: str = REGION

    @property
    def url(self) -> str:
        """The URL to call.

        By name: with 127.0.0.1 the CDK's CLI addresses buckets by path, with localhost by host name; both are served.
        """
        return f"http://localhost:{self.port}"

    def settings(self) -> dict[str, str]:
        """Return the variables that point any AWS SDK or the CDK's CLI here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": OPERATOR,
            "AWS_SECRET_ACCESS_KEY": OPERATOR,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        }

    def environ(self) -> dict[str, str]:
        """Return the environment for a child process: this one's, without its own AWS settings."""
        own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return {**own, **self.settings()}


def saying_what_is_missing(application: WSGIApplication) -> WSGIApplication:
    """Return the application, answering 501 and the action's name where moto has no such action.

    Uncaught it would be a 500, which SDKs retry (AWS SDKs and Tools Reference Guide, Retry behavior).
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except NotImplementedError as missing:
            _LOGGER.warning("%s", missing)
            body = json.dumps({"__type": NOT_IMPLEMENTED, "message": str(missing)}).encode()
            headers = [("Content-Type", "application/json"), ("x-amzn-errortype", NOT_IMPLEMENTED)]
            start_response("501 Not Implemented", [*headers, ("Content-Length", str(len(body)))])
            return [body]

    return answer


class _QuietHandler(MotoRequestHandler):
    """Requests go to the log, not to the terminal."""

    def log(self, type: str, message: str, *args: object) -> None:  # the name is Werkzeug's
        level = logging.WARNING if type == "error" else logging.DEBUG
        _LOGGER.log(level, message, *args)


@contextmanager
def serve(account: Account, port: int = 0) -> Iterator[Endpoint]:
    """Serve an account until the end of the block, with nothing in it at the start and nothing left at the end.

    Args:
        account: what to serve.
        port: where on loopback; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    application = saying_what_is_missing(DomainDispatcherApplication(create_backend_app))
    server = make_server(LOOPBACK, port, application, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, name="localaws-server", daemon=True)
    _reset()
    with account.active():
        endpoint = Endpoint(server.server_port)
        account.functions.endpoint_url = endpoint.url
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            account.cloudformation.join()
            _reset()


def _reset() -> None:
    BackendDict.reset()
    reset_model_data()
