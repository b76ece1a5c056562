"""Show exactly what a model is asked, token by token, so that a number can be checked by hand."""

from valuescope.scorer.engine.contexts import Model
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.paths.tokens import tokenise_cell
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import render_prompt
from valuescope.scorer.process.messages import DescribedAnswer, PromptDescription
from valuescope.warehouse.instruments.seeds import Question
from valuescope.warehouse.instruments.subjects import Subject


def describe_prompt(
    model_file: ModelFile, question: Question, subject: Subject, design: PromptDesign
) -> PromptDescription:
    """Render and tokenise one cell; only the model's vocabulary is loaded.

    Raises ValuescopeError as scoring would.
    """
    prompt = render_prompt(question, subject, design)
    with Model.of(model_file, vocabulary_only=True) as model:
        cell = tokenise_cell(model, prompt, design.chat_mode, with_label=False)
        answers = tuple(
            DescribedAnswer(
                choice_index=answer.answer.choice_index,
                text=answer.text,
                token_ids=answer.token_ids,
                answer_start=answer.start,
                answer_tokens=tuple(map(model.piece, answer.token_ids[answer.start :])),
            )
            for answer in cell.answers
        )
    return PromptDescription(str(model_file.path), design.prompt_id, cell.text, answers)
