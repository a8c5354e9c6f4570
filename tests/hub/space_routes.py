"""What the loopback Hub knows of Spaces: variables, hardware, runtime, restarts, logs, the rules of their README."""

import asyncio
import json
import re

import yaml
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from hub.store import Person, RefusalError
from hub.store import card_errors as model_card_errors
from huggingface_hub import SpaceHardware

FIRST_README = b"---\ntitle: One\nemoji: \xf0\x9f\x9a\x80\ncolorFrom: red\ncolorTo: blue\nsdk: gradio\n---\n"
"""What the Hub puts into a new Space itself."""

COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
HARDWARE = [hardware.value for hardware in SpaceHardware]
# huggingface.co/docs/hub/spaces-config-reference: what a value must look like, and how that is said.
RULES = {
    "title": (str, r".+", "a title"),
    "emoji": (str, r"[^\w\s]{1,4}", "an emoji alone"),
    "colorFrom": (str, "|".join(COLORS), f"one of {COLORS}"),
    "colorTo": (str, "|".join(COLORS), f"one of {COLORS}"),
    "sdk": (str, "gradio|docker|static", "gradio, docker or static"),
    "sdk_version": (str, r"\d+\.\d+\.\d+", "three numbers"),
    "python_version": (str, r"3\.\d+(\.\d+)?", "a version in quotes: 3.10 is a number, 3.1, without"),
    "app_file": (str, r"[\w./-]+", "a path"),
    "short_description": (str, r".{1,60}", "at most 60 characters"),
    "suggested_hardware": (str, "|".join(HARDWARE), f"one of {HARDWARE}"),
    "startup_duration_timeout": (str, r"\d+(s|m|h)", "a number with s, m or h"),
    "thumbnail": (str, r"https?://\S+", "an address"),
    "pinned": (bool, r"True|False", "true or false"),
    "fullWidth": (bool, r"True|False", "true or false"),
}
TAKEN = {*RULES, "license", "tags", "models", "datasets", "header", "hf_oauth", "hf_oauth_scopes", "preload_from_hub"}


def card_errors(content: str) -> list[str]:
    """What validate-yaml finds wrong in a Space's metadata."""
    wrong = model_card_errors(content)
    if wrong or not content.startswith("---\n"):
        return wrong or ["Missing configuration in README"]
    data = yaml.safe_load(content.split("---\n")[1])
    for key, (kind, pattern, words) in RULES.items():
        value = data.get(key)
        if value is not None and not (isinstance(value, kind) and re.fullmatch(pattern, str(value))):
            wrong.append(f'"{key}" is {value!r}; it must be {words}')
    wrong += [f'"{key}" is required' for key in ("title", "emoji", "colorFrom", "colorTo", "sdk") if key not in data]
    wrong += [f'"{key}" is not known' for key in data if key not in TAKEN]
    for key in ("models", "datasets"):
        wrong += [f'"{key}" holds {n!r}, no id' for n in data.get(key, []) if not re.fullmatch(r"[\w.-]+/[\w.-]+", n)]
    return wrong


def check_hardware(person: Person | None, flavor: str) -> None:
    """Raises where there is no such hardware, or where the person can't have it."""
    if flavor not in HARDWARE:
        raise RefusalError(400, f"Invalid hardware flavor: {flavor}")
    if person and not person.pro and flavor in ("cpu-basic", "zero-a10g"):
        raise RefusalError(402, f"Hosting Gradio Spaces on {flavor} requires a PRO subscription.")
    if person and not person.pays and flavor not in ("cpu-basic", "zero-a10g"):
        raise RefusalError(402, "A payment method is required.")


def routes(app: FastAPI, hub, here: str) -> None:
    """Adds to the application what the Hub answers about Spaces; `here` is a repo's path."""
    place = here.replace("{kind}", "spaces")

    def space(request: Request, write: bool = True):
        request.path_params["kind"] = "spaces"
        return hub.repo(request, write)[0]

    def listed(variables: dict[str, str]) -> dict:
        return {key: {"value": value, "updatedAt": "2026-01-01T00:00:00.000Z"} for key, value in variables.items()}

    @app.get(place + "/variables")
    async def variables(request: Request):
        return listed(space(request).variables)

    @app.post(place + "/variables")
    async def set_variable(request: Request):
        asked, repo = await request.json(), space(request)
        repo.variables[asked["key"]] = asked["value"]
        repo.machine.change(builds=False)
        return listed(repo.variables)

    @app.delete(place + "/variables")
    async def delete_variable(request: Request):
        asked, repo = await request.json(), space(request)
        if repo.variables.pop(asked["key"], None) is None:
            raise RefusalError(404, f"There is no variable {asked['key']}")
        repo.machine.change(builds=False)
        return listed(repo.variables)

    @app.get(place + "/runtime")
    async def runtime(request: Request):
        return space(request, write=False).machine.told()

    @app.post(place + "/hardware")
    async def hardware(request: Request):
        asked, repo = await request.json(), space(request)
        check_hardware(hub.person(request), asked["flavor"])
        repo.machine.requested = asked["flavor"]
        repo.machine.change(builds=False)
        return repo.machine.told()

    @app.post(place + "/restart")
    async def restart(request: Request, factory: str = "false"):
        repo = space(request)
        repo.machine.restart(factory == "true")
        return repo.machine.told()

    @app.get(place + "/logs/{which}")
    async def logs(request: Request, which: str):
        machine = space(request).machine

        async def events():
            for line in machine.logs[which]:
                event = {"data": f"{line}\n", "timestamp": "2026-01-01T00:00:00.000Z"}
                yield f"data: {json.dumps(event)}\n\n"
                await asyncio.sleep(0)
            while not machine.log_ends:
                yield "data:\n\n"  # what keeps the line open
                await asyncio.sleep(0.1)

        return StreamingResponse(events(), media_type="text/event-stream")
