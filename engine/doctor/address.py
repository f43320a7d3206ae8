"""A server that others run: whether it answers, and what it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import msgspec

from engine.doctor.check import missing, ok, one_line, unknown, warning
from engine.port import Message
from engine.vllm import wire

if TYPE_CHECKING:
    from engine.doctor.check import Check
    from engine.doctor.software import Needs

_START = "python -m vllm.entrypoints.openai.api_server --model FOLDER"
_STRANGER = f"take vLLM's own server: {_START}"


def check_health(client: httpx.Client) -> Check:
    """Check that the server answers and calls itself healthy."""
    name, url = "server", str(client.base_url)
    try:
        status = client.get("/health").status_code
    except httpx.HTTPError as error:
        return missing(name, one_line(f"{url}: {error!r}"), f"start it: {_START}")
    if status == httpx.codes.NOT_FOUND:
        step = "give the address as http://host:8000, without /v1"
        return missing(name, f"{url}: knows no /health", step)
    if status != httpx.codes.OK:
        step = "wait until it has loaded its model, or read its log"
        return missing(name, f"{url}: answers /health with {status}", step)
    return ok(name, f"{url}: healthy")


def check_version(client: httpx.Client, needs: Needs) -> Check:
    """Check the server's version."""
    name = "server's version"
    try:
        version = wire.version(_get(client, "/version"))
    except (httpx.HTTPError, msgspec.MsgspecError) as error:
        return unknown(name, one_line(f"does not say: {error}"), _STRANGER)
    if not needs.vllm.contains(version, prereleases=True):
        return warning(name, f"vllm {version}, supported {needs.vllm}", "may work; else change it")
    return ok(name, f"vllm {version}")


def check_served(client: httpx.Client) -> Check:
    """Check which model is served."""
    name = "server's model"
    try:
        model = wire.model(_get(client, "/v1/models"))
    except (httpx.HTTPError, msgspec.MsgspecError, IndexError) as error:
        return missing(name, one_line(f"/v1/models: {error}"), _STRANGER)
    return ok(name, f"{model.id}, context up to {model.max_model_len:,} tokens")


def check_served_template(client: httpx.Client) -> Check:
    """Check that the server turns a chat into tokens: all prompts are made so."""
    name = "server's template"
    try:
        model = wire.model(_get(client, "/v1/models")).id
        body = wire.tokenizing_chat(model, [Message(role="user", content="1 + 1?")], thinking=None)
        json = {"Content-Type": "application/json"}
        response = client.post("/tokenize", content=body, headers=json)
        if not response.is_success:
            said = one_line(f"refuses a chat: {wire.error(response.content)}")
            step = "take an instruct model, or start the server with --chat-template FILE"
            return missing(name, said, step)
        count = len(wire.tokens(response.content))
    except (httpx.HTTPError, msgspec.MsgspecError, IndexError) as error:
        return missing(name, one_line(f"/tokenize: {error}"), _STRANGER)
    return ok(name, f"works: a chat became {count} tokens")


def _get(client: httpx.Client, path: str) -> bytes:
    return client.get(path).raise_for_status().content
