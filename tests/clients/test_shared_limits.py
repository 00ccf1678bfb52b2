"""Two proxies with one quota over a Redis: they share it, one may have all of it, and both outlive the Redis."""

import threading
import time

import botocore.exceptions
import pytest

from conftest import unavailable
from support import proxy as proxies, redis as redises, site as sites, stores

pytestmark = [pytest.mark.proxy, pytest.mark.stores("embedded")]

BURST, REPLICAS = 40, 2
# A quarter of the burst, of that one machine's part.
SLICE = BURST // 4 // REPLICAS


@pytest.fixture(params=["plain", "tls"])
def redis(request, scratch):
    try:
        started = redises.Redis(scratch / sites.fresh_name("redis"), tls=request.param == "tls")
    except stores.Unavailable as why:
        unavailable(why)
    yield started.start()
    started.stop()


@pytest.fixture
def pair(redis, make_proxy):
    """Two proxies that come to know each other's counts by nothing but the Redis."""
    # The usual deadline is for a machine that does nothing else.
    shared = {"mode": "lease", "replicas": REPLICAS, **redis.where, "password": redises.PASSWORD, "timeout": "100ms"}
    rate = {"requests": {"bucket": {"rate": "1/10000s", "burst": BURST}}, "shared": shared}
    both = [make_proxy(rate=rate) for _ in range(REPLICAS)]
    wait_until(lambda: all(degraded(one) == 0 for one in both))
    return both


def degraded(site) -> int:
    status, text = site.proxy.admin("/metrics")
    assert status == 200
    (line,) = [line for line in text.splitlines() if line.startswith("bartizan_throttle_store_degraded ")]
    return int(line.split()[1])


def wait_until(holds, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.05)


class Asker:
    """Asks for a bucket that is not there: counted, and answered by the proxy alone."""

    def __init__(self, site, bucket: str):
        self.s3, self.bucket, self.passed = site.client(retries={"total_max_attempts": 1}), bucket, 0

    def ask(self) -> bool:
        try:
            self.s3.list_objects_v2(Bucket=self.bucket)
        except botocore.exceptions.ClientError as refused:
            if refused.response["Error"]["Code"] == "SlowDown":
                return False
            assert refused.response["Error"]["Code"] == "NoSuchBucket"
        self.passed += 1
        return True

    def exhaust(self, patience: int = 12) -> None:
        """Until so many in a row are refused, with time in between for a lease to end."""
        refused = 0
        while refused < patience:
            refused = 0 if self.ask() else refused + 1
            time.sleep(0.03 if refused else 0)


def test_two_proxies_share_one_quota(pair):
    askers = [Asker(one, "shared") for one in pair]
    threads = [threading.Thread(target=asker.exhaust) for asker in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    passed = [asker.passed for asker in askers]
    assert BURST - 1 <= sum(passed) <= BURST + REPLICAS * SLICE, passed
    assert min(passed) > 0, passed


def test_one_that_is_asked_alone_has_all_of_it_and_the_other_then_next_to_nothing(pair):
    first, second = (Asker(one, "alone") for one in pair)
    first.exhaust()
    assert BURST - 1 <= first.passed <= BURST
    second.exhaust()
    assert second.passed <= SLICE + 1
    # Another bucket has its own count.
    assert Asker(pair[1], "other").ask()


def test_without_the_redis_each_has_its_part_and_with_it_they_share_again(pair, redis):
    redis.stop()
    wait_until(lambda: all(degraded(one) == 1 for one in pair))
    for one in pair:
        asker = Asker(one, "divided")
        asker.exhaust()
        assert asker.passed == BURST // REPLICAS
    assert [line for line in (pair[0].proxy.folder / "stderr").read_text().splitlines() if "is away" in line][1:] == []
    redis.start()
    wait_until(lambda: all(degraded(one) == 0 for one in pair))
    # What passed meanwhile is charged to the new one, as soon as anybody asks for it.
    askers = [Asker(one, "divided") for one in pair]
    for asker in askers:
        asker.exhaust()
    assert sum(asker.passed for asker in askers) <= REPLICAS * SLICE, [asker.passed for asker in askers]
    first, second = (Asker(one, "again") for one in pair)
    first.exhaust()
    second.exhaust()
    assert BURST - 1 <= first.passed + second.passed <= BURST + REPLICAS * SLICE


def test_the_redis_sees_no_name_and_forgets_what_has_come_back(pair, redis):
    asker = Asker(pair[0], "named")
    asker.ask()
    wait_until(lambda: b"bartizan_gcra_v1" in redis.ask("KEYS *"))
    assert b"named" not in redis.ask("KEYS *")
    key = next(word for word in redis.ask("KEYS *").split() if b"bartizan_gcra_v1" in word)
    # A single cell of a rate of 1 in 10,000 seconds, perhaps with a lease beside it.
    answer = redis.ask(f"PTTL {key.decode()}").split(b":")[-1].split(b"\r\n")[0]
    assert 9_000_000 < int(answer) <= 10_000_000 * (SLICE + 1)


def test_a_redis_that_forgets_the_script_is_given_it_again(pair, redis):
    asker = Asker(pair[0], "script")
    assert asker.ask()
    redis.ask("SCRIPT FLUSH")
    asker.exhaust()
    assert asker.passed >= BURST - 1
    assert degraded(pair[0]) == 0


@pytest.mark.parametrize("redis", ["tls"], indirect=True)
def test_a_redis_that_nobody_vouches_for_is_away_and_hears_no_password(redis, scratch, make_proxy):
    before = told_passwords(redis)
    stranger = scratch / sites.fresh_name("stranger")
    proxies.make_certificates(stranger, "localhost")
    shared = {"mode": "lease", "replicas": REPLICAS, **redis.where, "ca_file": str(stranger / "ca.pem"), "password": redises.PASSWORD}
    site = make_proxy(rate={"requests": {"bucket": {"rate": "1/10000s", "burst": BURST}}, "shared": shared})
    time.sleep(1)
    assert degraded(site) == 1
    assert told_passwords(redis) == before + 1  # by this question itself
    assert "the store of shared limits is away" in (site.proxy.folder / "stderr").read_text()


def told_passwords(redis) -> int:
    return int(redis.ask("INFO commandstats").split(b"cmdstat_auth:calls=")[1].split(b",")[0])
