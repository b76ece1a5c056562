"""dbt, which ends with the command that started it. Called by its path.

The number of the pipe that the command holds comes first, dbt's own arguments follow. Nothing of
valuescope is imported, so that the current folder and the installation do not matter.
"""

import gc
import os
import sys
import threading
from typing import Any

# dbt keeps hundreds of thousands of objects, which Python would search for garbage again and again.
_OBJECTS_BETWEEN_SEARCHES = 100_000


def lighten_dbt() -> None:
    """Take work off dbt that nobody sees the result of, before it starts.

    That is making messages of events of level debug, several for each statement, and searching
    its project for garbage.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)

    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    class ShownEvents(EventManager):
        """The events that are printed and logged."""

        def fire_event(
            self,
            e: BaseEvent,
            level: EventLevel | None = None,
            node: Any = None,
            force_warn_or_error_handling: bool = False,
        ) -> None:
            if (level or e.level_tag()) is not EventLevel.DEBUG:
                super().fire_event(e, level, node, force_warn_or_error_handling)

    ctx_set_event_manager(ShownEvents())


def _end_with(lifeline: int) -> None:
    """End this process when the other end of the pipe is closed."""
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    # Once somebody watches: importing it takes seconds.
    if "--debug" not in sys.argv:
        lighten_dbt()
    from dbt.cli.main import cli

    cli(sys.argv[2:], prog_name="dbt")
