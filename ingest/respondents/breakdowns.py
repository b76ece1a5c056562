"""Divisions of respondents: by traits such as sex and age, or into random halves.

Every cell of a breakdown is a population of its own, beside that of all respondents.
"""

from dataclasses import dataclass

from valuescope.warehouse.instruments.subjects import parse_traits

ALL = "all"
DEFAULT_MINIMUM_CELL = 50
DEFAULT_SEED = 20220


@dataclass(frozen=True)
class Category:
    """One category of a trait: the numbers it spans, and how labels of it begin."""

    name: str
    lowest: int
    highest: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Trait:
    """A trait by which respondents are grouped."""

    name: str
    categories: tuple[Category, ...]


SEX = Trait("sex", (Category("male", 1, 1, ("male",)), Category("female", 2, 2, ("female",))))
AGE = Trait(
    "age",
    (
        Category("under-30", 0, 29, ()),
        Category("30-49", 30, 49, ()),
        Category("50-and-over", 50, 130, ()),
    ),
)
EDUCATION = Trait(
    "education",
    (
        Category("lower", 1, 1, ("lower", "low")),
        Category("middle", 2, 2, ("middle", "medium")),
        Category("higher", 3, 3, ("higher", "upper", "high")),
    ),
)
URBAN = Trait("urban", (Category("urban", 1, 1, ("urban",)), Category("rural", 2, 2, ("rural",))))
TRAITS = {trait.name: trait for trait in (SEX, AGE, EDUCATION, URBAN)}


@dataclass(frozen=True)
class Breakdown:
    """Respondents divided by the crossing of `traits`, or into random halves by split and seed.

    Without either it is all respondents together.
    """

    traits: tuple[Trait, ...] = ()
    split: int | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """Return its name in raw.survey_loads: `all`, `sex,age` or `halves,split=1,seed=20220`."""
        if self.split is not None:
            return f"halves,split={self.split},seed={self.seed}"
        return ",".join(trait.name for trait in self.traits) or ALL

    def cells(self) -> list[str]:
        """Return the subgroup ids of its cells; the n-th belongs to cell number n."""
        if self.split is not None:
            return [f"half={half},split={self.split},seed={self.seed}" for half in (1, 2)]
        cells = [""]
        for trait in self.traits:
            cells = [
                f"{cell},{trait.name}={category.name}".lstrip(",")
                for cell in cells
                for category in trait.categories
            ]
        return [cell or ALL for cell in cells]


EVERYBODY = Breakdown()


def parse_breakdown(text: str) -> Breakdown:
    """Parse a breakdown such as `sex,age`.

    Raises ValuescopeError for unknown or repeated traits.
    """
    return Breakdown(traits=tuple(TRAITS[name] for name in parse_traits(text)))


def split_halves(count: int, seed: int = DEFAULT_SEED) -> tuple[Breakdown, ...]:
    """Return `count` independent random divisions of respondents into halves."""
    return tuple(Breakdown(split=split, seed=seed) for split in range(1, count + 1))
