import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.models.chat_template import ChatTemplate, open_chat_template
from valuescope.scorer.models.supplied_metadata import CHAT_TEMPLATE, supplied_metadata
from valuescope.scorer.models.template_process import TEMPLATES
from valuescope.warehouse.errors import ValuescopeError

USER_TURN = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
# As most templates have it: each turn, and the beginning of the one to come.
TURNS = USER_TURN + "{% if add_generation_prompt %}[assistant] {% endif %}"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
# llama.cpp's own collection of chat templates, in its source.
COLLECTION = os.environ.get("LLAMA_CPP_TEMPLATES", "")
# Tools that they need, thoughts without a switch, a prompt that leads elsewhere than to an answer.
REFUSED = [
    "Apriel-1.6-15b-Thinker-fixed",
    "Cohere2MoE",
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "MiniMax-M2",
    "NVIDIA-Nemotron-Nano-v2",
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "Qwen-QwQ-32B",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-ai-DeepSeek-V3.2",
    "fireworks-ai-llama-3-firefunction-v2",
    "google-gemma-4-31B-it",
    "google-gemma-4-31B-it-interleaved",
    "llama-cpp-deepseek-r1",
]
SURVEY_QUESTION = "Question: Is tea good?\nChoices: A) Yes, B) No\nIn Kenya, Answer:"
EXPECTED = Path(__file__).with_name("llama_cpp_templates.json")


def opened(template: str) -> ChatTemplate:
    return open_chat_template(template, TOKENS, "a model")


def render(template: str, text: str = "Is tea good?") -> str:
    return opened(template).prompt(text)


def thinking(opening: str, closing: str, history: str = "") -> str:
    """A template whose model thinks first; `history` stands before words without a thought."""
    return (
        "{% for m in messages %}[{{ m.role }}]"
        "{% if m.role == 'assistant' %}"
        f"{{% if m.reasoning_content %}}{opening}{{{{ m.reasoning_content }}}}{closing}"
        f"{{% else %}}{history}{{% endif %}}{{% endif %}}"
        "{{ m.content }}{% endfor %}"
        f"{{% if add_generation_prompt %}}[assistant]{opening}{{% endif %}}"
    )


def test_the_models_own_template_opens_the_assistants_turn_once(smollm2: Model) -> None:
    text = smollm2.chat_text("Is tea good?")
    assert text.count("<|im_start|>user\nIs tea good?<|im_end|>") == 1
    assert text.count("<|im_start|>assistant") == 1
    assert text.endswith("<|im_start|>assistant\n")


def test_llama_2_gets_the_space_that_its_answers_begin_with() -> None:
    template = supplied_metadata("llama-2-7b-chat")[CHAT_TEMPLATE]
    assert render(template) == "<s>[INST] Is tea good? [/INST] "


def test_what_stands_before_the_assistants_words_comes_before_every_answer() -> None:
    template = (
        "{% for m in messages %}<|start|>{{ m.role }}"
        "{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>{{ m.content }}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
    )
    assert opened(template).lead == "<|channel|>final<|message|>"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}" + TURNS + "{{ eos_token if false }}", "<s>[user] Is tea good?"),
        ("{{ strftime_now('%Y-%m-%d') }} " + TURNS, "2024-07-26 [user] Is tea good?"),
        (
            "{% for m in messages %}\n  {% if true %}\n[{{ m.role }}] {{ m.content }}\n"
            "  {% endif %}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}",
            "[user] Is tea good?\n",
        ),
        (
            "{% for m in messages %}[{{ m.role }}] {% generation %}{{ m.content }}"
            "{% endgeneration %}{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}",
            "[user] Is tea good?",
        ),
        (
            "{% for m in messages %}{% if loop.index > 9 %}{% break %}{% endif %}"
            "[{{ m.role }}] {{ m.content }}{% endfor %}"
            "{% if add_generation_prompt %}[assistant] {% endif %}",
            "[user] Is tea good?",
        ),
        ("{{ {'é': '<b>'} | tojson }}" + TURNS, '{"é": "<b>"}[user] Is tea good?'),
        (
            "{% for m in messages %}[{{ m.role }}] {% for part in m.content %}{{ part.text }}"
            "{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}",
            "[user] Is tea good?",
        ),
    ],
    ids=["bos", "date", "trimmed", "generation", "break", "json", "parts"],
)
def test_templates_are_read_as_transformers_does(template: str, expected: str) -> None:
    assert render(template) == f"{expected}[assistant] "


def test_thinking_is_switched_off_where_that_leads_to_an_answer() -> None:
    template = opened(
        "{% for m in messages %}[{{ m.role }}]"
        "{% if m.role == 'assistant' %}<think></think>{% endif %}{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}[assistant]<think>"
        "{% if enable_thinking is defined and not enable_thinking %}</think>{% endif %}{% endif %}"
    )
    assert template.switches == {"enable_thinking": False}
    assert template.prompt("Tea?") == "[user]Tea?[assistant]<think></think>"


def test_a_thought_that_the_template_itself_leaves_empty_is_no_thought() -> None:
    template = opened(thinking("<think>\n", "\n</think>", "<think>\n\n</think>"))
    assert template.prompt("Tea?") == "[user]Tea?[assistant]<think>\n\n</think>"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}", "fails"),
        (TURNS + "{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        (TURNS + "{{ messages[3].content.text }}", "fails"),
        (TURNS + "{{ 'a' + 1 }}", "TypeError"),
        (TURNS + "{{ 1 / 0 }}", "ZeroDivisionError"),
        (TURNS + "{{ range(100000000) | list }}", "OverflowError"),
        (TURNS + "{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails"),
        (TURNS + "{% set _ = messages.append(messages[0]) %}", "fails"),
        (TURNS + "{{ [1, 2] | random }}", "No filter named 'random'"),
        (TURNS + "{{ lipsum() }}", "'lipsum' is undefined"),
        (TURNS + "{{ messages.index }}", "prints an address"),
        (TURNS + "{{ 'x' * 3000000 }}", "writes 3,000,0"),
        (TURNS + "{{ '%2000000000d' % 1 }}", "memory|seconds|ends the process"),
        (TURNS + "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "fails|ends the process"),
        ("Hello", "changes or drops the question"),
        ("{{ messages[0].content | upper }}", "changes or drops the question"),
        ("[user] {{ messages[0].content }}", "changes or drops the assistant's words"),
        (thinking("<think>", "</think>"), "in a thought"),
        (thinking("<|PONDER|>", "<|/PONDER|>"), "nothing says where an answer begins"),
        (thinking("[THINK]", "[/THINK]", "[THINK]"), "makes the model think"),
        (thinking("{murmur}", "{/murmur}", "{murmur}"), "makes the model think"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_a_reason(
    template: str, reason: str
) -> None:
    with pytest.raises(ValuescopeError, match=reason) as error:
        render(template)
    assert "--chat raw" in str(error.value)


def test_a_template_that_takes_for_ever_is_ended_and_the_next_one_is_rendered() -> None:
    loops = "{% for i in range(9999) %}" * 5 + "{% endfor %}" * 5
    with pytest.raises(ValuescopeError, match=r"takes more than \d+ seconds"):
        render(loops + TURNS)
    assert render(TURNS) == "[user] Is tea good?[assistant] "


def test_prompts_are_the_same_in_every_process() -> None:
    template = "{{ dict(b=1, a=2) }}{{ namespace(x=1).x }}" + TURNS
    before = render(template)
    TEMPLATES.close()
    assert render(template) == before


@pytest.mark.skipif(
    not COLLECTION,
    reason="set LLAMA_CPP_TEMPLATES to models/templates of llama.cpp's source",
)
def test_real_templates_are_rendered_as_transformers_does_or_refused() -> None:
    """The expected texts are transformers' own, kept as hashes (`reference/templates.py`)."""
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    refused = []
    for path in sorted(Path(COLLECTION).glob("*.jinja")):
        known, source = expected[path.stem], path.read_text(encoding="utf-8")
        assert sha256(source.encode()).hexdigest() == known["template_sha256"], path.stem
        try:
            template = opened(source)
        except ValuescopeError:
            refused.append(path.stem)
            continue
        text = template.prompt(SURVEY_QUESTION)
        of_transformers = known["text_sha256"][json.dumps(dict(template.switches))]
        assert sha256(text.encode()).hexdigest() == of_transformers, path.stem
    assert sorted(refused) == sorted(REFUSED)
