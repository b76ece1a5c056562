"""The prompts that `valuescope questions` writes, by their ids."""

from dataclasses import dataclass, field

from valuescope.scorer.brought.questions import named_design, parse_cell_id
from valuescope.scorer.planning.prompts import Prompt, render_prompt
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.subjects import parse_subject


@dataclass(frozen=True)
class AskedPrompts:
    """The questions that answers may belong to: the instrument here, and the survey meant."""

    home: Home
    instrument: Instrument
    survey_id: str
    _prompts: dict[str, Prompt] = field(default_factory=dict)

    def prompt(self, cell_id: str) -> Prompt:
        """Return the prompt of that id.

        Raises ValuescopeError with the nearest names where there is none.
        """
        if cell_id not in self._prompts:
            question, country, order, design = parse_cell_id(cell_id)
            self._prompts[cell_id] = render_prompt(
                self.instrument.question(question, self.survey_id),
                parse_subject(country, self.instrument),
                named_design(self.home, self.instrument, design, order, "probability"),
            )
        return self._prompts[cell_id]
