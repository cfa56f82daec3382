"""Own public address from what other nodes report.

Theory of operation: every reply says where its request came from. The sampler keeps the 16 newest such samples and
declares an address once nearly all agree; one disagreeing sample is tolerated from 4 samples on, two from 8, three from
12. If only the hosts agree, the port is random (a symmetric NAT) and 0 is declared. A sample is only compared with the
four newest ones: an address that alternates starts new counters and does not win. A lying minority cannot move the
result; a lying majority can, which is why the firewall check follows before anything is claimed.

Protocol reference: 02-hyperdht section 8.
"""

from __future__ import annotations

_WINDOW = 16
_COMPARED = 4


class _Counter:
    """How often a host and port (0: any port) was sampled."""

    __slots__ = ("hits", "host", "port")

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.hits = 0


class NatSampler:
    """A window of samples and the address they agree on."""

    def __init__(self) -> None:
        self.host: str | None = None
        """Own public host, None while unknown."""
        self.port = 0
        """Own public port, 0 while unknown or random."""
        self.size = 0
        """Samples in the window, at most 16."""
        self._samples: list[tuple[_Counter, _Counter]] = []
        self._best_exact: _Counter | None = None
        self._best_host: _Counter | None = None

    @property
    def randomized(self) -> bool:
        """Whether others agree on the host but each sees another port."""
        return self.host is not None and self.port == 0

    def add(self, host: str, port: int) -> int:
        """Add a sample and return how often this address was seen in a row of comparable samples."""
        exact = self._bump(host, port, exact=True)
        any_port = self._bump(host, 0, exact=False)
        self._samples.append((exact, any_port))
        if len(self._samples) > _WINDOW:
            for counter in self._samples.pop(0):
                counter.hits -= 1
        self.size = len(self._samples)
        self._best_exact = _better(self._best_exact, exact)
        self._best_host = _better(self._best_host, any_port)
        self._decide()
        return exact.hits

    def _bump(self, host: str, port: int, *, exact: bool) -> _Counter:
        for pair in reversed(self._samples[-_COMPARED:]):
            counter = pair[0 if exact else 1]
            if counter.port == port and counter.host == host:
                counter.hits += 1
                return counter
        counter = _Counter(host, port)
        counter.hits = 1
        return counter

    def _decide(self) -> None:
        tolerated = 0 if self.size < 4 else 1 if self.size < 8 else 2 if self.size < 12 else 3
        threshold = self.size - tolerated
        for best in (self._best_exact, self._best_host):
            if best is not None and best.hits >= threshold:
                self.host, self.port = best.host, best.port
                return
        self.host, self.port = None, 0


def _better(best: _Counter | None, new: _Counter) -> _Counter:
    return new if best is None or best.hits < new.hits else best
