from __future__ import annotations

import os

import pytest

from engine.config.load import values_of, with_values
from engine.config.sections import OPTIONS, Config
from engine.config.write import render_config
from intercom_tui.setup.model import PASSWORD_FILE, pick
from intercom_tui.setup.questions import Field
from intercom_tui.setup.steps import DECISIONS, FILE_PASSWORD, JOIN, KEPT, PASSPHRASE, QUESTIONS, REPEAT, SOURCE
from tests.harness.setup_machine import GIVEN, WORDS, FakeMachine, setup_model

KEY = "ab" * 32


def part(key: str) -> Field:
    """The wizard's field for an answer."""
    return next(
        part for step in QUESTIONS.values() for question in step for part in question.fields if key in part.keys
    )


def choose(model: object, key: str, label: str) -> None:
    one = part(key)
    model.choose(one, next(i for i, choice in enumerate(one.choices) if choice.label == label))  # type: ignore[attr-defined]


# -- what is stored ----------------------------------------------------------------------------------------------


def test_quick_stores_every_decision_with_its_default() -> None:
    model = setup_model()
    model.take_route("quick")
    stored = model.result()
    assert set(DECISIONS) <= set(stored)
    assert stored["sidechannel.relay"] is True
    assert stored["sidechannel.auto_join"] is False
    assert stored["sidechannel.max_bytes"] == 1_000_000
    assert stored["subnet.mode"] == "off"
    assert stored["bridge.enabled"] is False
    assert {option.key for option in OPTIONS if option.step} == set(stored)


def test_what_is_stored_gives_the_same_configuration_back() -> None:
    model = setup_model()
    model.take_route("full")
    choose(model, "sidechannel.allow_remote_open", "Never")
    model.enter("sidechannel.pow_difficulty", "14")
    assert with_values(Config(), model.result()) == model.config
    assert "pow_difficulty = 14" in render_config(model.result())


def test_what_was_only_given_for_this_start_is_not_stored() -> None:
    config = with_values(Config(), {"network.local": True, "sidechannel.quiet": True, "sidechannel.relay": False})
    given = {"network.local": "--local", "sidechannel.quiet": "--sidechannel-quiet", "sidechannel.relay": "RELAY"}
    stored = setup_model(config, given).result()
    assert "network.local" not in stored
    assert "sidechannel.quiet" not in stored
    assert stored["sidechannel.relay"] is False, "a decision is stored wherever it comes from"


def test_the_name_of_the_store_is_stored_also_when_it_was_given() -> None:
    config = with_values(Config(), {"identity.peer_store_name": "agent-7"})
    assert setup_model(config, GIVEN).result()["identity.peer_store_name"] == "agent-7"


def test_other_settings_that_are_no_defaults_are_stored() -> None:
    assert setup_model(with_values(Config(), {"ui.bell": True})).result()["ui.bell"] is True


def test_secrets_are_never_stored() -> None:
    model = setup_model(with_values(Config(), {"bridge.token": "hunter2"}))
    model.enter(PASSPHRASE, "correct horse")
    assert "hunter2" not in repr(model.result())
    assert "correct horse" not in repr(model.result())


# -- answers -----------------------------------------------------------------------------------------------------


def test_one_choice_sets_two_settings() -> None:
    model = setup_model()
    requests = part("sidechannel.auto_join")
    assert model.choice(requests).label == "Ask me"
    choose(model, "sidechannel.auto_join", "Auto-join")
    assert (model.answers["sidechannel.allow_remote_open"], model.answers["sidechannel.auto_join"]) == (True, True)
    choose(model, "sidechannel.auto_join", "Never")
    assert model.answers["sidechannel.allow_remote_open"] is False


def test_wrong_text_stays_beside_its_error_and_changes_nothing() -> None:
    model = setup_model()
    assert model.enter("sidechannel.relay_ttl", "9") == "It must be a whole number of 0 to 8."
    assert (model.text("sidechannel.relay_ttl"), model.answers["sidechannel.relay_ttl"]) == ("9", 3)
    assert model.check("messaging") == "sidechannel.relay_ttl"
    model.enter("sidechannel.relay_ttl", "5")
    assert model.check("messaging") == ""
    assert model.config.sidechannel.relay_ttl == 5


def test_an_error_in_a_field_that_does_not_apply_is_no_error() -> None:
    model = setup_model()
    model.enter("sidechannel.relay_ttl", "9")
    choose(model, "sidechannel.relay", "No")
    assert model.check("messaging") == ""


def test_given_answers_cannot_be_changed() -> None:
    config = with_values(Config(), {"network.local": True})
    model = setup_model(config, GIVEN)
    assert model.is_given(part("network.local")) == "--local"
    assert model.given_text(part("network.local")) == "This machine only"
    model.use_defaults("start")
    assert model.config.network.local is True


def test_a_subnet_gets_a_random_name_when_there_is_to_be_one() -> None:
    model = setup_model()
    assert model.config.subnet.channel == "trac-peer-subnet"
    choose(model, "subnet.mode", "Contracts and chat")
    assert model.config.subnet.channel == "subnet-00010203"
    model.enter("subnet.channel", "mine")
    choose(model, "subnet.mode", "Contracts and value transfer")
    assert model.config.subnet.channel == "mine"


def test_joining_a_subnet_needs_its_key() -> None:
    model = setup_model()
    choose(model, "subnet.mode", "Contracts and chat")
    choose(model, JOIN, "Join")
    assert model.check("subnet") == "subnet.bootstrap"
    assert "needs its bootstrap key" in model.errors["subnet.bootstrap"]
    model.enter("subnet.bootstrap", "abc")
    assert model.check("subnet") == "subnet.bootstrap"
    model.enter("subnet.bootstrap", KEY)
    assert model.check("subnet") == ""
    assert model.config.subnet.bootstrap == KEY
    choose(model, JOIN, "Create")
    assert model.config.subnet.bootstrap == ""


def test_a_bridge_that_others_reach_must_be_allowed() -> None:
    model = setup_model()
    choose(model, "bridge.enabled", "Yes")
    model.enter("bridge.host", "0.0.0.0")
    assert model.check("bridge") == "bridge.host"
    choose(model, "bridge.unsafe_bind", "Yes")
    assert model.check("bridge") == ""


def test_a_passphrase_is_repeated() -> None:
    model = setup_model()
    model.enter(PASSPHRASE, "secret")
    assert model.check("identity") == REPEAT
    model.enter(REPEAT, "secret")
    assert model.check("identity") == ""


def test_an_import_names_its_source() -> None:
    model = setup_model()
    for source, key in (("file", "@file"), ("words", "@words")):
        model.answers[SOURCE] = source
        assert model.check("identity") == key


def test_what_the_machine_said_is_forgotten_at_the_next_check() -> None:
    model = setup_model()
    choose(model, "bridge.enabled", "Yes")
    model.errors["bridge.port"] = "taken"
    assert model.check("bridge", again=False) == "bridge.port"
    assert model.check("bridge") == ""


def test_a_password_file_counts_only_with_a_passphrase() -> None:
    model = setup_model()
    model.enter(PASSWORD_FILE, "/tmp/pass")
    assert model.config.identity.keypair_password_file == ""
    model.enter(PASSPHRASE, "x")
    assert model.config.identity.keypair_password_file == "/tmp/pass"
    model.answers[SOURCE] = "file"
    assert model.config.identity.keypair_password_file == ""
    model.enter(FILE_PASSWORD, "x")
    assert model.config.identity.keypair_password_file == "/tmp/pass"


# -- ways ---------------------------------------------------------------------------------------------------------


def test_the_routes() -> None:
    model = setup_model()
    model.take_route("quick")
    assert (model.page, model.pages()) == ("review", ["welcome", "review"])
    model.take_route("import")
    assert (model.page, model.pages()) == ("identity", ["welcome", "identity", "review"])
    assert model.answers[SOURCE] == "file"
    model.take_route("full")
    assert model.steps() == ["start", "identity", "messaging", "limits", "bridge", "review"]
    choose(model, "subnet.mode", "Contracts and chat")
    assert len(model.steps()) == 7


def test_neighbours_end_at_the_ends() -> None:
    model = setup_model()
    model.take_route("full")
    assert (model.neighbour(1), model.neighbour(-1)) == ("identity", "welcome")
    model.page = "review"
    assert model.neighbour(1) == "review"
    model.page = "quiz"
    assert model.neighbour(1) == "welcome", "a page that is not due any more has no neighbours"


def test_back_keeps_answers() -> None:
    model = setup_model()
    model.take_route("full")
    model.enter("sidechannel.relay_ttl", "2")
    model.page = model.neighbour(-1)
    model.take_route("full")
    assert model.config.sidechannel.relay_ttl == 2


def test_quick_means_the_defaults_even_after_the_full_one_was_tried() -> None:
    model = setup_model()
    model.take_route("full")
    choose(model, "bridge.enabled", "Yes")
    model.take_route("quick")
    assert model.config.bridge.enabled is False
    model.take_route("full")
    assert model.config.bridge.enabled is True


def test_defaults_for_the_rest_leave_the_steps_before_alone() -> None:
    model = setup_model()
    model.take_route("full")
    choose(model, "subnet.mode", "Contracts and chat")
    model.enter("sidechannel.relay_ttl", "9")
    choose(model, "sidechannel.pow", "No")
    choose(model, "bridge.enabled", "Yes")
    model.enter("bridge.port", "1")
    model.enter("subnet.channel", "mine")
    model.use_defaults("messaging")
    assert (model.config.sidechannel.pow, model.config.subnet.channel) == (False, "mine")
    assert values_of(model.config)["bridge.port"] == 49222
    assert "sidechannel.relay_ttl" in model.errors
    model.use_defaults("start")
    assert (model.config.sidechannel.pow, model.errors) == (True, {})
    assert model.config.subnet.channel == "subnet-00010203"


# -- recovery words ----------------------------------------------------------------------------------------------


def test_new_words_are_shown_and_asked_back_before_anything_else() -> None:
    model = setup_model()
    model.take_route("full")
    model.take_identity(FakeMachine().new_identity(""))
    assert model.pages()[2:6] == ["identity", "words", "quiz", "messaging"]
    assert len(model.quiz) == 2
    words = WORDS.split()
    first, second = model.quiz
    assert set(model.check_words({first: words[first]})) == {second}
    assert not model.words_settled
    assert model.check_words({first: f" {words[first].upper()} ", second: words[second]}) == {}
    assert model.words_checked
    assert "words" not in model.pages()


def test_other_words_must_be_checked_again() -> None:
    model = setup_model()
    model.take_identity(FakeMachine().new_identity(""))
    model.words_settled = model.words_checked = True
    model.take_identity(FakeMachine().new_identity("now with a passphrase"))
    assert model.words_checked
    model.take_identity(None)
    assert not model.words_checked


def test_imported_identities_show_no_words() -> None:
    model = setup_model()
    model.take_route("full")
    model.take_identity(FakeMachine().identity_of_words(WORDS, ""))
    assert "words" not in model.pages()


def test_quick_forgets_an_identity_whose_words_nobody_checked() -> None:
    model = setup_model()
    model.take_route("full")
    model.take_identity(FakeMachine().new_identity(""))
    model.take_route("quick")
    assert model.identity is None


def test_the_store_that_has_an_identity_keeps_it() -> None:
    model = setup_model()
    model.answers[KEPT] = True
    model.take_route("full")
    assert model.answers[KEPT]
    shown = [question.id for question in model.questions("identity") if question.shown(model.answers)]
    assert shown == ["store", "kept", "password-file"]


@pytest.mark.parametrize("among", [12, 24])
def test_picked_positions_differ_and_are_in_order(among: int) -> None:
    for _ in range(50):
        first, second = pick(2, among, os.urandom)
        assert 0 <= first < second < among
    assert pick(2, 0, os.urandom) == ()


def test_secrets_are_not_in_representations() -> None:
    identity = FakeMachine().new_identity("hunter2")
    assert "hunter2" not in repr(identity)
    assert "abandon" not in repr(identity)
