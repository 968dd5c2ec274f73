"""The API's description by OpenAPI, made from its operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from npf_engine import __version__

Schema = dict[str, object]
PREFIX = "/api/v1"
JSON = "application/json"

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
OBJECT: Schema = {"type": "object"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ASKED: Schema = {"type": "integer", "minimum": 0, "maximum": 10**9}  # in a query


def record(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def items(name: str, of: Schema) -> Schema:
    """An object with a list under ``name``."""
    listed: Schema = {"type": "array", "items": of}
    return record(**{name: listed})


RUN = record(
    id=TEXT,
    name=TEXT,
    kind=TEXT,
    state=TEXT,
    source=TEXT,
    visibility=TEXT,
    own={"type": "boolean"},
    created={"type": "number"},
    started=MAYBE_NUMBER,
    finished=MAYBE_NUMBER,
    verdict=MAYBE_TEXT,
    error=MAYBE_TEXT,
)
STATUS = record(
    stage=MAYBE_TEXT, step=COUNT, total=COUNT, seconds_left=MAYBE_NUMBER, text=TEXT, waiting=MAYBE_TEXT, ahead=COUNT
)
FIELD = record(
    name=TEXT,
    kind=TEXT,
    d={"type": "integer"},
    n={"type": ["integer", "null"]},
    units=TEXT,
    needs_network={"type": "boolean"},
)
SUBMIT: Schema = {
    "type": "object",
    "required": ["spec"],
    "additionalProperties": False,
    "properties": {
        "spec": {
            "type": "object",
            "description": "Settings as `npf train FIELD --show-spec` prints them; those left out keep their defaults.",
            "properties": {"kind": TEXT},
        },
        "name": {"type": "string", "maxLength": 80},
    },
}
ERROR = record(error={"type": "string", "description": "One sentence that says what to do."})
SCHEMAS = {"Run": RUN, "Status": STATUS, "Field": FIELD, "Submit": SUBMIT, "Error": ERROR}


def ref(name: str) -> Schema:
    """One of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True)
class Operation:
    """What can be asked. answer: the schema of the JSON, None for a zip; status: of a good answer; body: the schema of
    what is sent; query: parameter -> its schema; fails: other statuses that it may answer with."""

    method: str
    path: str
    summary: str
    answer: Schema | None
    status: int = 200
    body: Schema | None = None
    query: tuple[tuple[str, Schema], ...] = ()
    fails: tuple[int, ...] = ()

    def described(self) -> Schema:
        """As OpenAPI has it."""
        named = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        parameters: list[Schema] = [{"name": n, "in": "path", "required": True, "schema": TEXT} for n in named]
        parameters += [{"name": n, "in": "query", "required": False, "schema": schema} for n, schema in self.query]
        content: Schema = {JSON: {"schema": self.answer}} if self.answer is not None else {"application/zip": {}}
        answers: dict[str, object] = {str(self.status): {"description": self.summary, "content": content}}
        for status in sorted({401, 400, *self.fails}):
            answers[str(status)] = {"description": SAID[status], "content": {JSON: {"schema": ref("Error")}}}
        told: Schema = {"summary": self.summary, "operationId": self.name, "responses": answers}
        if parameters:
            told["parameters"] = parameters
        if self.body is not None:
            told["requestBody"] = {"required": True, "content": {JSON: {"schema": self.body}}}
        return told

    @property
    def name(self) -> str:
        """Its id."""
        words = [part.strip("{}") for part in self.path.split("/") if part]
        return "_".join([self.method.lower(), *words])


SAID = {
    400: "What was asked for cannot be understood or done.",
    401: "There is no token, or none that is known.",
    403: "It is somebody else's.",
    404: "There is none, or none that you may read.",
    413: "It is too large.",
    415: "It is no JSON.",
}


def openapi(operations: Iterable[Operation]) -> Schema:
    """The description of the whole API."""
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.described()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Polar factorization explorer", "version": __version__},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
