from __future__ import annotations

from engine.config.sections import OPTIONS
from intercom_tui.setup.questions import BY_KEY, range_note, setting_question, shown_value
from intercom_tui.setup.steps import DECISIONS, QUESTIONS, STEPS, applies


def asked_keys() -> dict[str, str]:
    """Setting to the step that asks for it."""
    return {
        key: step
        for step, questions in QUESTIONS.items()
        for question in questions
        for part in question.fields
        for key in part.keys
        if not key.startswith("@")
    }


def test_the_steps_ask_for_what_the_schema_says_they_do() -> None:
    assert asked_keys() == {option.key: option.step for option in OPTIONS if option.step}


def test_every_step_but_the_review_has_questions() -> None:
    assert [*QUESTIONS, "review"] == list(STEPS)


def test_every_question_says_why() -> None:
    questions = [question for step in QUESTIONS.values() for question in step]
    assert [question.id for question in questions if not question.why] == []
    assert len({question.id for question in questions}) == len(questions)


def test_every_question_about_a_setting_names_its_flag_or_says_what_it_sets() -> None:
    flagged = {key for step in QUESTIONS.values() for question in step for key in question.flag_keys}
    without = {key for key in asked_keys() if key not in flagged}
    assert without == {"subnet.mode", "subnet.chat", "subnet.auto_add_writers", "subnet.sample_timer"}


def test_titles_fit_beside_their_controls_on_a_narrow_screen() -> None:
    assert [q.title for step in QUESTIONS.values() for q in step if q.fields and len(q.title) > 35] == []


def test_the_ten_decisions_are_among_what_is_always_written() -> None:
    decided = {
        "subnet.mode", "subnet.chat", "subnet.auto_add_writers", "sidechannel.relay", "sidechannel.relay_ttl",
        "sidechannel.allow_remote_open", "sidechannel.auto_join", "sidechannel.pow", "sidechannel.rate_bytes",
        "sidechannel.rate_burst", "sidechannel.max_strikes", "sidechannel.max_bytes", "bridge.enabled", "bridge.cli",
    }  # fmt: skip
    assert decided <= set(DECISIONS)


def test_the_subnet_step_is_for_contracts() -> None:
    assert not applies("subnet", {"subnet.mode": "off"})
    assert applies("subnet", {"subnet.mode": "value"})
    assert applies("limits", {"subnet.mode": "off"})


def test_units_and_ranges() -> None:
    assert range_note(BY_KEY["sidechannel.pow_difficulty"]) == "bits, 0 to 32"
    assert range_note(BY_KEY["sidechannel.rate_burst"]) == "bytes, 0 or more"
    assert range_note(BY_KEY["sidechannel.rate_bytes"]) == "bytes/s"


def test_values_as_a_person_reads_them() -> None:
    assert shown_value(BY_KEY["sidechannel.relay"], True) == "yes"
    assert shown_value(BY_KEY["sidechannel.max_bytes"], 1_000_000) == "1,000,000"
    assert shown_value(BY_KEY["bridge.port"], 49222) == "49222"
    assert shown_value(BY_KEY["sidechannel.channels"], ()) == "empty"


def test_every_setting_has_a_question_of_its_own() -> None:
    kinds = {option.key: setting_question(option.key).fields[0].kind for option in OPTIONS}
    assert kinds["sidechannel.relay"] == "choice"
    assert kinds["sidechannel.relay_ttl"] == "number"
    assert kinds["log.level"] == "choice"
    assert kinds["sidechannel.owner"] == "text"
    assert all(setting_question(option.key).what == option.help for option in OPTIONS)
