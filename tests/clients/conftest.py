"""Fixtures: a store, a proxy in front of it, clients, a bucket."""

import os
import pathlib
import shutil
import tempfile

import pytest

from support import expected, paths, proxy, site as sites, stores


def wanted_stores() -> list[str]:
    names = os.environ.get("BARTIZAN_STORES", "embedded minio radosgw").split()
    return [name for name in names if not (paths.DIRECT and name == "embedded")]


def unavailable(why) -> None:
    """Missing things are errors where CI=true, and skipped out loud elsewhere."""
    (pytest.fail if paths.CI else pytest.skip)(str(why))


def pytest_generate_tests(metafunc):
    if "store" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("stores")
        names = [name for name in wanted_stores() if only is None or name in only.args]
        metafunc.parametrize("store", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    entries = expected.load()
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        expected.mark(item, parameters.get("store"), entries)
    if paths.DIRECT:
        left_out = [item for item in items if item.get_closest_marker("proxy")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`-n 3`: all tests of a store in one process, since each process would start the store anew."""
    from xdist.scheduler import LoadScopeScheduling

    class ByStore(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            named = [name for name in wanted_stores() if f"[{name}" in nodeid]
            return named[0] if named else nodeid.split("::")[0]

    return ByStore(config, log)


def pytest_report_header():
    where = "directly (no proxy)" if paths.DIRECT else f"through {paths.binary()}"
    return f"stores: {' '.join(wanted_stores())}, {where}"


@pytest.fixture(scope="session")
def scratch():
    """A short path: some stores put sockets there, and those have short names."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bz-"))
    yield folder
    if not paths.KEEP:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def store(request, scratch):
    try:
        started = stores.start(request.param, scratch / request.param)
    except stores.Unavailable as why:
        unavailable(why)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def site(store, scratch):
    """The proxy in front of the store; the store alone where the tests run directly."""
    if paths.DIRECT:
        yield sites.Site.of_store(store)
        return
    try:
        proxy.require_binary()
    except stores.Unavailable as why:
        unavailable(why)
    started = proxy.Bartizan(scratch / f"proxy-{store.name}", store).start()
    yield sites.Site.of_proxy(started)
    if started.process.poll() is None:
        assert started.stop() == 0, "a drained proxy leaves with 0"


@pytest.fixture
def make_proxy(scratch, store):
    """Proxies that a test may kill."""
    try:
        proxy.require_binary()
    except stores.Unavailable as why:
        unavailable(why)
    made = []

    def make(**tables) -> sites.Site:
        made.append(proxy.Bartizan(scratch / sites.fresh_name("own"), store, **tables))
        return sites.Site.of_proxy(made[-1].start())

    yield make
    for one in made:
        one.discard()


@pytest.fixture
def s3(site):
    return site.client()


@pytest.fixture
def bucket(site):
    s3, name = site.client(), sites.fresh_name()
    s3.create_bucket(Bucket=name)
    yield name
    sites.remove_bucket(s3, name)
