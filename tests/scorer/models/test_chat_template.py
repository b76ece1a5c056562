import pytest

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.models.chat_template import render_chat
from valuescope.warehouse.errors import ValuescopeError

USER_TURN = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"


def render(template: str, text: str = "Is tea good?") -> str:
    return render_chat(template, text, "<s>", "</s>", "a model")


def test_the_models_own_template_opens_the_assistants_turn_once(smollm2: Model) -> None:
    text = smollm2.chat_text("Is tea good?")
    assert text.count("<|im_start|>user\nIs tea good?<|im_end|>") == 1
    assert text.count("<|im_start|>assistant") == 1
    assert text.endswith("<|im_start|>assistant\n")


def test_a_template_may_spell_out_bos_and_eos() -> None:
    assert render("{{ bos_token }}" + USER_TURN + "{{ eos_token }}") == "<s>[user] Is tea good?</s>"


def test_a_template_that_asks_for_today_always_gets_the_same_day() -> None:
    assert render("{{ strftime_now('%Y-%m-%d') }} " + USER_TURN).startswith("2024-07-26 ")


def test_blocks_are_trimmed_as_chat_templates_expect() -> None:
    template = (
        "{% for m in messages %}\n  {% if true %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}"
    )
    assert render(template) == "Is tea good?\n"


def test_thinking_is_switched_off_where_the_template_has_a_switch() -> None:
    template = USER_TURN + "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    assert render(template).endswith("<think>\n\n</think>\n\n")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}", "fails"),
        (USER_TURN + "{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        (USER_TURN + "{{ messages[3].content.text }}", "fails"),
        (USER_TURN + "{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails"),
        (USER_TURN + "{% set _ = messages.append(messages[0]) %}", "fails"),
        ("Hello", "changes or drops"),
        ("{{ messages[0].content | upper }}", "changes or drops"),
        (USER_TURN + "<think>\n", "think"),
    ],
    ids=[
        "syntax",
        "raises",
        "undefined",
        "sandbox",
        "immutable",
        "drops",
        "changes",
        "thinks",
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_a_reason(
    template: str, reason: str
) -> None:
    with pytest.raises(ValuescopeError, match=reason) as error:
        render(template)
    assert "--chat raw" in str(error.value)
