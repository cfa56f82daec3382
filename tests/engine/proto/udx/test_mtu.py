"""The search for the path MTU."""

from __future__ import annotations

from engine.proto.udx.mtu import BASE_MTU, IPV4_OVERHEAD, MAX_PADDING, MtuProber


def _climb(prober: MtuProber, path_mtu: int) -> list[int]:
    """Probe until nothing more is tried; returns the sizes."""
    tried = []
    while size := prober.claim_probe(prober.payload_size):
        tried.append(size)
        if size <= path_mtu:
            prober.acknowledged(size)
        else:
            prober.lost(size)
    return tried


def test_nothing_is_tried_before_the_first_ack() -> None:
    prober = MtuProber()
    assert prober.claim_probe(prober.payload_size) == 0
    prober.start()
    assert prober.claim_probe(prober.payload_size) == BASE_MTU


def test_ladder_to_the_limit() -> None:
    prober = MtuProber()
    prober.start()
    assert _climb(prober, 9000) == [1200, 1232, 1264, 1296, 1328, 1360, 1392, 1424, 1456, 1488, 1500]
    assert prober.mtu == 1500
    assert prober.payload_size == 1452


def test_three_losses_end_the_search() -> None:
    prober = MtuProber()
    prober.start()
    assert _climb(prober, 1300) == [1200, 1232, 1264, 1296, 1328, 1328, 1328]
    assert prober.mtu == 1296


def test_one_probe_at_a_time() -> None:
    prober = MtuProber()
    prober.start()
    assert prober.claim_probe(prober.payload_size)
    assert prober.claim_probe(prober.payload_size) == 0


def test_padding_has_a_limit() -> None:
    prober = MtuProber()
    prober.start()
    short = BASE_MTU - IPV4_OVERHEAD - MAX_PADDING
    assert prober.claim_probe(short - 1) == 0
    assert prober.claim_probe(short) == BASE_MTU
    assert MtuProber.padding(BASE_MTU, short) == MAX_PADDING
    assert MtuProber.padding(0, short) == 0


def test_old_probes_do_not_count_after_a_restart() -> None:
    prober = MtuProber()
    prober.start()
    prober.acknowledged(prober.claim_probe(prober.payload_size))
    size = prober.claim_probe(prober.payload_size)
    prober.restart()
    prober.acknowledged(size)
    assert prober.mtu == BASE_MTU
    prober.lost(size)
    prober.start()
    assert prober.claim_probe(prober.payload_size) == BASE_MTU


def test_a_small_limit_means_no_search() -> None:
    prober = MtuProber(1200)
    prober.start()
    assert prober.claim_probe(prober.payload_size) == 0
