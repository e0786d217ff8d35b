"""ZetaSQL, Google's own parser, analyzer and reference engine of BigQuery's SQL, as a test tool.

The package carries it as WebAssembly. Compiled with its default settings that takes minutes, so
the baseline compiler does it (13 s of CPU), once for a virtual environment, and keeps the result
there. Requests are plain protobuf messages. Nothing of the product reads this.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import wasmtime
from filelock import FileLock
from google.protobuf import empty_pb2
from wasmtime import _bindings as native
from zetasql.core import wasm_client
from zetasql.core.exceptions import ZetaSQLError
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.proto import options_pb2, simple_catalog_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public_options
from zetasql.wasi._pb2.zetasql.public import type_pb2
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as kinds

_WINCH = 2
RENEW_AFTER = 60
RENEW_AFTER_STATEMENTS = 12
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

# BigQuery's own additions to ZetaSQL (data types, "Integer types": aliases of INT64).
INT64_ALIASES = ("int", "smallint", "integer", "bigint", "tinyint", "byteint")

Columns = tuple[tuple[str, Any], ...]
"""Name and type (a ZetaSQL type message) of a relation's columns, in order."""


class Refused(Exception):
    """The analyzer's own message: what BigQuery would answer."""


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    native.wasmtime_config_strategy_set(config.ptr(), _WINCH)
    config.wasm_threads = True
    with contextlib.suppress(AttributeError):
        config.shared_memory = True
    return wasmtime.Engine(config)


def _module(engine: wasmtime.Engine, wasm: Path) -> wasmtime.Module:
    """Return the compiled module; the first process compiles it, the others wait and map it."""
    parts = (version("wasmtime"), version("zetasql"), wasm.stat().st_size)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    compiled = Path(sys.prefix) / f".zetasql-{digest}.cwasm"
    with FileLock(f"{compiled}.lock"):
        if not compiled.exists():
            temporary = compiled.with_suffix(".tmp")
            temporary.write_bytes(wasmtime.Module.from_file(engine, str(wasm)).serialize())
            temporary.replace(compiled)
    return wasmtime.Module.deserialize_file(engine, str(compiled))


class _Client(wasm_client.WasmClient):
    """The package's client with a cached module and block copies instead of byte by byte."""

    def __init__(self, wasm: Path) -> None:
        engine = _engine()
        self.store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.preopen_dir(str(wasm_client.get_tzinfo_dir()), "/usr/share/zoneinfo")
        self.store.set_wasi(wasi)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self.instance = linker.instantiate(self.store, _module(engine, wasm))
        self.exports = self.instance.exports(self.store)
        with contextlib.suppress(KeyError):
            self.exports["_initialize"](self.store)
        self.memory = self.exports["memory"]

    def _address(self, ptr: int) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents) + ptr

    def write_bytes(self, ptr: int, data: bytes) -> None:
        ctypes.memmove(self._address(ptr), data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        return ctypes.string_at(self._address(ptr), size)


@cache
def client() -> _Client:
    """Return this process's one instance. Not for several threads at once."""
    return _Client(Path(get_wasm_path()))


def _call(method: str, request: Any, response: Any) -> Any:
    try:
        return client().call_grpc_func(f"ZetaSqlLocalService_{method}", request, response)
    except ZetaSQLError as error:
        raise Refused(str(error)) from error


@cache
def language() -> Any:
    """Return the language as BigQuery speaks it: external product, no features in development."""
    request = messages.LanguageOptionsRequest(maximum_features=True)
    found = _call("GetLanguageOptions", request, options_pb2.LanguageOptionsProto)
    found.product_mode = public_options.PRODUCT_EXTERNAL
    found.supported_statement_kinds[:] = [
        value for name, value in kinds.ResolvedNodeKind.items() if name.endswith("_STMT")
    ]
    found.reserved_keywords.append("QUALIFY")
    return found


def options(*, positional: bool = False) -> Any:
    """Return the analyzer's options; times have no zone of their own but UTC, as on BigQuery."""
    made = options_pb2.AnalyzerOptionsProto(default_timezone="UTC")
    made.language_options.CopyFrom(language())
    made.allow_undeclared_parameters = True
    if positional:
        made.parameter_mode = public_options.PARAMETER_POSITIONAL
    return made


def simple_type(kind: str) -> Any:
    """Return the type message of a scalar by ZetaSQL's name, such as `INT64`."""
    return type_pb2.TypeProto(type_kind=type_pb2.TypeKind.Value(f"TYPE_{kind}"))


def array_type(kind: str) -> Any:
    """Return the type message of an array of scalars."""
    made = type_pb2.TypeProto(type_kind=type_pb2.TYPE_ARRAY)
    made.array_type.element_type.CopyFrom(simple_type(kind))
    return made


def type_name(kind: Any) -> str:
    """Return a type as BigQuery writes it in a schema."""
    if kind.type_kind == type_pb2.TYPE_ARRAY:
        return f"ARRAY<{type_name(kind.array_type.element_type)}>"
    if kind.type_kind == type_pb2.TYPE_STRUCT:
        return "STRUCT"
    return str(type_pb2.TypeKind.Name(kind.type_kind).removeprefix("TYPE_"))


@dataclass(frozen=True)
class Analyzed:
    """What the analyzer made of a statement: its kind, what it creates, its columns."""

    kind: str
    created: tuple[str, ...] = ()
    columns: Columns = ()


class Catalog:
    """Relations known to the analyzer, by (dataset, name); grows as statements create more.

    Loading BigQuery's functions costs more than an analysis: the catalog stays registered with
    the engine until a statement names a relation that has been added since.
    """

    def __init__(self, project: str, relations: Mapping[tuple[str, str], Columns]) -> None:
        self.project = project
        self.relations = dict(relations)
        self._registered: int | None = None
        self._since: set[tuple[str, str]] = set()
        self._made_for_one = 0

    def add(self, dataset: str, name: str, columns: Columns) -> None:
        """Make a relation known, in place of one of the same name."""
        if self.relations.get((dataset, name)) != columns:
            self.relations[dataset, name] = columns
            self._since.add((dataset, name))

    def analyze(self, sql: str, *, positional: bool = False) -> Analyzed:
        """Resolve names and types of one statement. Errors: Refused with BigQuery's message."""
        return self.script(sql, positional=positional)[-1]

    def script(self, sql: str, *, positional: bool = False) -> list[Analyzed]:
        """Analyze every statement of a script; what one creates is known to the next."""
        request = messages.AnalyzeRequest()
        request.options.CopyFrom(options(positional=positional))
        place = request.parse_resume_location
        place.input, place.byte_position = sql, 0
        found: list[Analyzed] = []
        rest = sql
        while _COMMENT.sub("", rest).strip():
            self._provide(request, rest)
            answer = _call("Analyze", request, messages.AnalyzeResponse)
            found.append(_understood(answer.resolved_statement))
            if found[-1].created and found[-1].columns:
                self.add(*found[-1].created[-2:], found[-1].columns)
            place.byte_position = answer.resume_byte_position
            rest = sql.encode()[place.byte_position :].decode()
        return found

    def _provide(self, request: Any, sql: str) -> None:
        """Hand the request a catalog that holds all that the statement names.

        The registered one, as long as it does; one made for this statement when only a few
        relations are newer; and when many are, or many statements ask for them, a new one is
        registered.
        """
        request.ClearField("registered_catalog_id")
        request.ClearField("simple_catalog")
        is_new = any(name in sql for _, name in self._since)
        if self._registered is not None and not is_new:
            request.registered_catalog_id = self._registered
        elif (
            self._registered is not None
            and len(self._since) < RENEW_AFTER
            and self._made_for_one < RENEW_AFTER_STATEMENTS
        ):
            self._made_for_one += 1
            named = {key: c for key, c in self.relations.items() if key[1] in sql}
            request.simple_catalog.CopyFrom(self._message(named))
        else:
            self._register()
            request.registered_catalog_id = self._registered

    def _register(self) -> None:
        if self._registered is not None:
            old = messages.UnregisterRequest(registered_id=self._registered)
            _call("UnregisterCatalog", old, empty_pb2.Empty)
        request = messages.RegisterCatalogRequest(simple_catalog=self._message(self.relations))
        answer = _call("RegisterCatalog", request, messages.RegisterResponse)
        self._registered = answer.registered_id
        self._since.clear()
        self._made_for_one = 0

    def _message(self, relations: Mapping[tuple[str, str], Columns]) -> Any:
        """Return relations under both spellings: with the project and without."""
        root = simple_catalog_pb2.SimpleCatalogProto(name="root")
        root.builtin_function_options.language_options.CopyFrom(language())
        for alias in INT64_ALIASES:
            root.named_type.add(name=alias, type=simple_type("INT64"))
        project = root.catalog.add(name=self.project)
        under: dict[str, tuple[Any, Any]] = {}
        for (dataset, name), columns in relations.items():
            if dataset not in under:
                under[dataset] = (root.catalog.add(name=dataset), project.catalog.add(name=dataset))
            for parent in under[dataset]:
                table = parent.table.add(name=name)
                for column, kind in columns:
                    table.column.add(name=column, type=kind)
        return root


def _understood(statement: Any) -> Analyzed:
    """Read kind, name and columns out of a resolved statement, however deep its class lies."""
    kind, node = "", statement
    while "node" in node.DESCRIPTOR.oneofs_by_name and node.WhichOneof("node"):
        kind = node.WhichOneof("node")
        node = getattr(node, kind)
    created: tuple[str, ...] = ()
    columns: Columns = ()
    while node is not None:
        fields = node.DESCRIPTOR.fields_by_name
        if kind.startswith("resolved_create") and "name_path" in fields:
            created = tuple(node.name_path)
        if not columns and "output_column_list" in fields:
            columns = tuple((c.name, c.column.type) for c in node.output_column_list)
        if not columns and "column_definition_list" in fields:
            columns = tuple((c.name, c.type) for c in node.column_definition_list)
        node = node.parent if "parent" in fields else None
    return Analyzed("query" if kind == "resolved_query_stmt_node" else kind, created, columns)


def evaluate(sql: str) -> list[Any]:
    """Run a query without tables on the reference engine; return the cells of its one row.

    Every column must be a STRING; a null is None.
    """
    request = messages.EvaluateQueryRequest(sql=sql)
    request.options.CopyFrom(options())
    request.simple_catalog.name = "root"
    request.simple_catalog.builtin_function_options.language_options.CopyFrom(language())
    for alias in INT64_ALIASES:
        request.simple_catalog.named_type.add(name=alias, type=simple_type("INT64"))
    answer = _call("EvaluateQuery", request, messages.EvaluateQueryResponse)
    (row,) = answer.content.table_data.row
    return [c.string_value if c.HasField("string_value") else None for c in row.cell]
