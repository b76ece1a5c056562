import re
import tomllib

from warehouse.home import CLONE
from warehouse.version import project_version


def test_the_version_is_the_one_that_the_package_is_built_with() -> None:
    declared = tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]["version"]

    assert project_version() == declared
    assert re.fullmatch(r"\d+\.\d+\.\d+", project_version())
