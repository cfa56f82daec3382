"""What tokens allow."""

from __future__ import annotations

from engine.bridge.scopes import ALL_SCOPES, Scope, expand


def test_admin_includes_everything() -> None:
    assert expand(frozenset({Scope.ADMIN})) == ALL_SCOPES


def test_other_scopes_stand_alone() -> None:
    assert expand(frozenset({Scope.SEND})) == {Scope.SEND}
    assert expand(frozenset()) == frozenset()
