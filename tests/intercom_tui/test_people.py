from __future__ import annotations

import pytest

from intercom_tui.people import People, short_key

OWN = "9f3a" + "0" * 56 + "c01d"
KESTREL = "41bc" + "1" * 56 + "77ee"
OTHER = "d00d" + "2" * 56 + "0a11"


@pytest.fixture
def people() -> People:
    people = People({KESTREL: "kestrel"})
    people.introduce(OWN, "agent-7")
    return people


def test_keys_are_shortened_as_people_compare_them() -> None:
    assert short_key(KESTREL) == "41bc..77ee"
    assert short_key("short") == "short"
    assert "\x1b" not in short_key("\x1b]0;evil\x07" + "a" * 60)


def test_a_peer_is_its_name_or_its_short_key(people: People) -> None:
    assert people.label(KESTREL) == "kestrel"
    assert people.full_label(KESTREL) == "kestrel 41bc..77ee"
    assert people.label(OTHER) == "d00d..0a11"
    assert people.label(OWN) == "you"


def test_two_peers_of_one_name_are_told_apart(people: People) -> None:
    people.rename(OTHER, "Kestrel")
    assert people.label(KESTREL) == "kestrel 41bc..77ee"
    assert people.label(OTHER) == "Kestrel d00d..0a11"
    assert people.find("kestrel") is None


def test_names_are_cleaned_bounded_and_can_be_forgotten(people: People) -> None:
    people.rename(OTHER, "  mi\x1bra\n" + "x" * 100)
    assert "\x1b" not in people.petname(OTHER)
    assert len(people.petname(OTHER)) <= 24
    people.rename(OTHER, "")
    assert people.label(OTHER) == "d00d..0a11"


def test_a_peer_is_found_by_its_name(people: People) -> None:
    assert people.find("@Kestrel") == KESTREL
    assert people.find("nobody") is None


@pytest.mark.parametrize(
    ("text", "mine"),
    [
        ("@agent-7 hello", True),
        ("hello @AGENT-7.", True),
        ("@agent-77 hello", False),
        ("agent-7 without at", False),
        ("@9f3a0000 by key", True),
        ("@9f3a..c01d short", True),
        (f"@{OWN}", True),
        ("@kestrel", False),
    ],
)
def test_a_mention_names_this_peer(people: People, text: str, mine: bool) -> None:
    assert people.mentions_me(text) is mine
