"""Our dbt project as a package of a project of the user's own."""

import os
import subprocess
import textwrap
from pathlib import Path

import duckdb

from tests.dbt_project.study import DBT, WITHOUT_TESTS
from valuescope.warehouse.home import DBT_PROJECT, SEEDS, Home
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone
from valuescope.warehouse.version import code_sha256

FILES = {
    "dbt_project.yml": """
        name: mine
        profile: mine
        models:
          mine: {+schema: mine}
    """,
    "profiles.yml": """
        mine:
          target: home
          outputs:
            home:
              type: duckdb
              path: "{{ env_var('VALUESCOPE_HOME') }}/valuescope.duckdb"
              module_paths: [dbt_packages/valuescope/python]
              plugins: [{module: valuescope_statistics.one_blas_thread}]
    """,
    "packages.yml": f"""
        packages:
          - local: {DBT_PROJECT}
    """,
    "macros/schemas.sql": """
        {% macro generate_schema_name(name, node) -%}
            {{ valuescope.generate_schema_name(name, node) }}
        {%- endmacro %}
    """,
    "models/longest.sql": """
        {{ config(materialized='incremental') }}
        select max(length(wording)) as longest from {{ ref('valuescope', 'stg_questions') }}
    """,
}


def test_another_project_builds_on_ours_and_the_record_names_our_files(tmp_path: Path) -> None:
    project, home = tmp_path / "mine", Home(tmp_path / "home")
    ensure_landing_zone(home)
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(textwrap.dedent(text).strip(), encoding="utf-8")

    def dbt(*arguments: str) -> None:
        finished = subprocess.run(
            [str(DBT), *arguments],
            cwd=project,
            env={**os.environ, "VALUESCOPE_HOME": str(home.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout

    dbt("deps")
    dbt("build", "--select", "+longest", "+int_cultural_axes", *WITHOUT_TESTS)

    with duckdb.connect(str(home.database), read_only=True) as connection:
        ((longest,),) = connection.execute("from mine.longest").fetchall()
        recorded = connection.execute(
            "select kind, input, content from intermediate.build_record where kind != 'variables'"
        ).fetchall()
    assert longest > 100
    assert ("code", "dbt_project", code_sha256()) in recorded
    seeds = {name for kind, name, _ in recorded if kind == "instrument"}
    assert seeds == {f"seeds/{path.name}" for path in SEEDS.glob("*.csv")}
