"""Only interface addresses that work are advertised."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from engine.net.dht.local_addresses import LocalAddresses
from tests.harness.fakenet import FakeNet, NatKind
from tests.harness.virtual_loop import run_virtual


def test_addresses_are_tested_once() -> None:
    async def main() -> tuple[Any, Any, Any, int]:
        home = FakeNet().nat("9.9.9.9", NatKind.CONSISTENT)
        host = home.host("192.168.0.2")
        binds: list[str] = []
        bind = host.bind

        async def counted(address: str, port: int, receive: Any) -> Any:
            binds.append(address)
            return await bind(address, port, receive)

        host.bind = counted  # type: ignore[assignment, method-assign]
        node: Any = SimpleNamespace(local_addresses=lambda: [("192.168.0.2", 7), ("192.168.0.77", 7)])
        addresses = LocalAddresses(host, node)
        before = addresses.known()
        first = await addresses.validated()
        second = await addresses.validated()
        addresses.forget()
        assert addresses.known() is None
        return before, first, second, len(binds)

    before, first, second, binds = run_virtual(main(), limit_s=100)
    assert before is None
    assert first == second == (("192.168.0.2", 7),)
    assert binds == 2


def test_addresses_that_cannot_be_bound_do_not_count() -> None:
    async def main() -> Any:
        host = FakeNet().host("1.1.1.1")
        await host.bind("1.1.1.1", 1, lambda *_: None)

        async def fail(address: str, port: int, receive: Any) -> Any:
            from engine.errors import BindFailed

            raise BindFailed

        host.bind = fail  # type: ignore[assignment, method-assign]
        node: Any = SimpleNamespace(local_addresses=lambda: [("1.1.1.1", 7)])
        return await LocalAddresses(host, node).validated()

    assert run_virtual(main(), limit_s=100) == ()
