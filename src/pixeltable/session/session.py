"""A session: settings, the database, and the catalog as this process last saw it."""

import functools
import os
import threading
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from pixeltable.catalog import loading, store
from pixeltable.catalog.records import TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.catalog.view_needs import check_views
from pixeltable.exceptions import (
    ForeignPickle,
    InvalidColumn,
    MissingValue,
    SchemaChanged,
    UnknownColumn,
    UnknownFunction,
    Unsupported,
)
from pixeltable.exec.context import Context
from pixeltable.exec.engine import Engine
from pixeltable.exec.memo import InFlight
from pixeltable.exprs.call import FunctionSpec
from pixeltable.lazy import load_beside
from pixeltable.models.cache import MODELS, ModelLimits
from pixeltable.plan.scope import Pushdown
from pixeltable.plan.shapes import KnownPlans
from pixeltable.providers.clients import Clients
from pixeltable.providers.mcp_functions import SCHEME, recorded_function
from pixeltable.providers.pools import Pools
from pixeltable.providers.quota import Quota
from pixeltable.providers.rates import Rates
from pixeltable.providers.sections import Sections, load_sections
from pixeltable.session.known_stamps import KnownStamp
from pixeltable.session.running import refuse_in_transaction
from pixeltable.settings import Settings
from pixeltable.storage.clocks import clocks_agree
from pixeltable.storage.collation import orders_by_code_point
from pixeltable.storage.database import Connection, Database
from pixeltable.storage.memo import Memo
from pixeltable.storage.migrate import migrate
from pixeltable.storage.server import EmbeddedServer
from pixeltable.udfs import pickles, registry
from pixeltable.udfs.function import Function

Result = TypeVar("Result")

_UTC = ("UTC", "Etc/UTC")
_LEAVE_S = 5.0
"""A process that ends waits so long for a job to put by what it has done."""

registry.MAKERS[SCHEME] = recorded_function


class Session:
    """Everything that outlives a call. Safe to share between threads.

    `run_query` runs the queries of functions: it needs a session, so the one who makes the session brings it along.
    """

    def __init__(
        self, settings: Settings, run_query: Callable[..., list[Any]], sections: Sections | None = None
    ) -> None:
        self.settings = settings
        self.sections = load_sections(settings) if sections is None else sections
        self.home = settings.home
        self._lock = threading.Lock()
        self._catalog = Catalog()
        self._server: EmbeddedServer | None = None
        load_beside("psycopg")  # takes as long as the server takes to start
        settings.home.mkdir(parents=True, exist_ok=True)
        if settings.db_url is None:
            self._server = EmbeddedServer(settings.home, state_dir=settings.state_dir)
            conninfo = self._server.join()
        else:
            conninfo = settings.db_url.replace("postgresql+psycopg://", "postgresql://")
        self.database = Database(
            conninfo,
            max_connections=settings.max_connections,
            zone_name=settings.zone_name,
            recovery_s=settings.recovery_s,
            revive=self._server.ensure_running if self._server else lambda: None,
        )
        self.memo = Memo(self.database, settings.memo_size_mb << 20)
        self.in_flight = InFlight()
        self._run_query = functools.partial(run_query, self)
        self._clocks_agree: bool | None = None
        self._texts_agree: bool | None = None
        self.plans = KnownPlans()
        self.stamps: dict[tuple[int, ...], KnownStamp] = {}
        self.last_page: Any = None
        """What `pages` keeps for the next column that is added."""

        self.runs: dict[int, Any] = {}
        """What `background` has under way, by the id of the job."""

        self.pasts: dict[tuple[int, int], Any] = {}
        """What `past` keeps of versions that were read."""

        self.warned: set[tuple[int, int]] = set()
        self.context = self._new_context()
        try:
            self.database.read(migrate)
        except BaseException:
            self.close()  # the next call starts another session
            raise
        MODELS.limit(ModelLimits(settings.model_idle_s, settings.model_free_memory, settings.model_device))

    def _new_context(self) -> Context:
        memo = self.memo if self.settings.memo_size_mb else None
        return Context(
            self.settings.zone, self.find_function, self.settings.batch_size, Engine(),
            memo=memo, in_flight=self.in_flight,
            pools=Pools(Rates(self.sections), Quota(self.database)), clients=Clients(self.sections),
            run_query=self._run_query,
        )  # fmt: skip

    @property
    def pushdown(self) -> Pushdown | None:
        """What queries may give to SQL."""
        return Pushdown(self._do_clocks_agree, self._do_texts_agree) if self.settings.sql_pushdown else None

    def _do_clocks_agree(self) -> bool:
        """Asked by the first query that goes by the clock; it takes some hundredths of a second."""
        if self._clocks_agree is None:
            zone = self.settings.zone
            self._clocks_agree = zone.key in _UTC or self.database.read(lambda c: clocks_agree(c, zone))
        return self._clocks_agree

    def _do_texts_agree(self) -> bool:
        """Asked by the first query that orders by Json."""
        if self._texts_agree is None:
            self._texts_agree = self.database.read(orders_by_code_point)
        return self._texts_agree

    def after_fork(self) -> None:
        """In a forked child: nothing of what belongs to the parent's threads and connections is used."""
        self._lock = threading.Lock()
        self.database.after_fork()
        self.memo.after_fork()
        self.runs = {}
        self.in_flight = InFlight()  # the parent's calls go on there
        self.context = self._new_context()

    def close(self) -> None:
        """Give up the connections; the last process to leave stops an embedded server."""
        running = list(self.runs.values())
        for run in running:
            run.leave()
        for run in running:
            run.wait(_LEAVE_S)
        if self.context.clients is not None:
            self.context.engine.close(last=self.context.clients.close)
        self.database.close()
        if self._server is not None:
            self._server.leave()

    @property
    def catalog(self) -> Catalog:
        """The catalog as last seen; what relies on it is checked when it runs."""
        return self._catalog

    def refresh(self) -> Catalog:
        """The catalog as it is now, at the price of a round trip where nothing changed."""
        return self.database.read(self.refresh_on)

    def refresh_on(self, connection: Connection) -> Catalog:
        """As `refresh`, on a connection at hand."""
        known = self._catalog
        if loading.read_epoch(connection) != known.epoch:
            return self.adopt(loading.refresh(connection, known))
        return known

    def adopt(self, catalog: Catalog) -> Catalog:
        """Make a newer catalog the one last seen."""
        with self._lock:
            if catalog.epoch > self._catalog.epoch:
                self._catalog = catalog
            return self._catalog

    def table(self, table_id: int, name: str) -> TableRecord:
        """A table as last seen; one not seen yet is looked for.

        Raises:
            UnknownTable: it was dropped.
        """
        found = self._catalog.find(table_id)
        return found if found is not None else self.refresh().table(table_id, name=name)

    def change_schema(
        self,
        work: Callable[[Connection, Catalog], Result],
        *,
        first: Callable[[Connection], None] | None = None,
        after: Callable[[Catalog, Result], Catalog] | None = None,
    ) -> Result:
        """Run `work` in a transaction in which no other schema change happens, on the catalog as it is now.

        It is undone where it takes from a view what that is made of.

        What `first` does in the transaction keeps no other schema change waiting.

        `after` says what the catalog is then, where that is known; else what changed is read.
        """

        refuse_in_transaction("a change of a schema, or of what versions there are,")
        token = uuid.uuid4()
        results: list[Result] = []

        def run(connection: Connection) -> list[Result]:
            with connection.transaction():
                if first is not None:
                    first(connection)
                before = loading.load_locked(connection, self._catalog)
                results[:] = [work(connection, before)]
                store.record_change(connection, token)
                changed = loading.load_locked(connection, before) if after is None else after(before, results[0])
                check_views(before, changed)
            self.adopt(changed)
            return results

        def recall(connection: Connection) -> list[Result] | None:
            if not store.was_recorded(connection, token):
                return None
            self.refresh_on(connection)
            return results

        self.database.attempt(run, recall=recall)
        return results[0]

    def replanning(self, work: Callable[[], Result]) -> Result:
        """`work`, again on the newest catalog when the schema it was planned against is not the present one.

        That shows when it commits, or earlier, when it meets a column that another process added or dropped.
        """
        for _ in range(self.settings.write_attempts - 1):
            known = self._catalog
            try:
                return work()
            except SchemaChanged:
                self.refresh()
            except (UnknownColumn, MissingValue, Unsupported, InvalidColumn):
                if self.refresh() is known:
                    raise
        return work()

    def find_function(self, spec: FunctionSpec) -> Function:
        """The function a call names; one stored by value is loaded on first use.

        Raises:
            UnknownFunction: it is gone, or its signature changed.
            ForeignPickle: it was stored with another key.
        """
        try:
            return registry.find(spec)
        except UnknownFunction:
            if not spec.path.startswith("local:"):
                raise
        self._load_function(spec)
        return registry.find(spec)

    def _load_function(self, spec: FunctionSpec) -> None:
        row = self.database.read(
            lambda connection: connection.execute(
                "SELECT path, body, signature FROM pixeltable.functions WHERE path = %s", (spec.path,)
            ).fetchone()
        )
        if row is None:
            raise UnknownFunction(spec.name, reason="it was defined in another program and never stored")
        registry.register(pickles.load(pickles.StoredFunction(*row), self.signing_key()))

    def signing_key(self) -> bytes:
        """The key with which functions stored by value are signed; made on first use, readable by its owner alone."""
        file = self.home / "signing.key"
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = file.read_bytes()
            if len(key) < 32:
                raise ForeignPickle("signing.key") from None
            return key
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pickles.new_key())
        return file.read_bytes()
