"""A prompt for SQL, with history and completion."""

import os
from collections.abc import Callable

import pyarrow as pa
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer, WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from valuescope.console import say
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.query import run_query, saved_query_table, saved_statement
from valuescope.warehouse.tables.saved_queries import saved_queries

_HELP = """\
SQL ends with a semicolon and may have several lines. Tab completes, the arrows go through what was
asked before.
  .tables               the marts and what they hold; begin with headline_*
  .columns TABLE        a table's columns and what they mean
  .saved                the saved queries
  .run NAME [KEY=VALUE] ask one of them, .run may_i_use_q4 model=smollm2-135m-instruct
  .quit                 leave (or Ctrl-D)"""
_TABLES = """
    select table_name, estimated_size as row_count, column_count, comment
    from duckdb_tables() where schema_name = 'marts'
    union all
    select view_name, null, column_count, comment
    from duckdb_views() where schema_name = 'marts'
    order by table_name
"""
_COLUMNS = """
    select column_name, data_type, is_nullable, comment
    from duckdb_columns() where table_name = '{table}' and not internal
    order by schema_name, column_index
"""
# fmt: off
_KEYWORDS = (
    "select", "from", "where", "group by", "order by", "having", "qualify", "limit", "with", "as",
    "inner join", "left outer join", "on", "using", "union all", "distinct", "and", "or", "not",
    "in", "is null", "between", "like", "case", "when", "then", "else", "end", "over",
    "partition by", "filter", "count", "avg", "median", "min", "max", "sum", "corr", "desc",
    "nulls last",
)
# fmt: on


def ask_interactively(
    home: Home, show: Callable[[pa.Table], None], reads_files: bool = False
) -> None:
    """Read statements until the user leaves, and hand the rows of each to `show`.

    What was asked is kept in `sql_history` of a home that can be written to. Raises
    ValuescopeError if there is no database; a wrong statement is reported, and the prompt goes on.
    """
    session: PromptSession[str] = PromptSession(
        "valuescope> ",
        history=(
            FileHistory(str(home.path / "sql_history"))
            if os.access(home.path, os.W_OK)
            else InMemoryHistory()
        ),
        lexer=PygmentsLexer(SqlLexer),
        completer=completer(home),
        complete_while_typing=False,
        multiline=True,
        prompt_continuation="        ... ",
        key_bindings=_keys(),
    )
    say(f"{home.warehouse}, read-only. `.help` says what can be typed.")
    while True:
        try:
            line = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line in (".quit", ".exit"):
            return
        try:
            result = _answer(home, line, reads_files)
        except ValuescopeError as error:
            say(f"Error: {error}")
            continue
        if result is not None:
            show(result)


def _answer(home: Home, line: str, reads_files: bool) -> pa.Table | None:
    word, _, rest = line.partition(" ")
    match word:
        case "":
            return None
        case ".help":
            say(_HELP)
            return None
        case ".tables":
            return run_query(home, _TABLES)
        case ".columns":
            return run_query(home, _COLUMNS.format(table=rest.strip().replace("'", "''")))
        case ".saved":
            return saved_query_table()
        case ".run":
            name, *settings = rest.split() or [""]
            return run_query(home, saved_statement(home, name, settings))
    if word.startswith("."):
        raise ValuescopeError(f"{word} is unknown; .help names what there is.")
    return run_query(home, line, reads_files=reads_files)


def _keys() -> KeyBindings:
    """Enter sends what is whole, and otherwise begins a new line."""
    keys = KeyBindings()

    @Condition
    def is_whole() -> bool:
        text = get_app().current_buffer.text.strip()
        return not text or text.startswith(".") or text.endswith(";")

    @keys.add("enter", filter=is_whole)
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys


def completer(home: Home) -> Completer:
    """Return a completer of tables, columns, saved queries, keywords and the prompt's words."""
    columns = run_query(
        home,
        """
        select distinct unnest([table_name, column_name]) as word
        from information_schema.columns where table_schema in ('marts', 'raw')
        """,
    )["word"].to_pylist()
    names = [query.name for query in saved_queries()]
    own = [".tables", ".columns", ".saved", ".run", ".help", ".quit"]
    return WordCompleter(sorted({*columns, *_KEYWORDS, *names, *own}), ignore_case=True)
