"""The machines of a cluster, and whether a replica fits any of them."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from valuescope.warehouse.errors import ValuescopeError

# How often the cluster is asked.
SECONDS_BETWEEN_LOOKS = 5.0
# Ray's names of what a replica needs, and how they are asked for.
_RESOURCES = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}


class Nodes:
    """The machines that are there and have processors to lend, as Ray lists them."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._seen: list[dict[str, Any]] = []
        self.look_again()

    def look_again(self) -> None:
        """Forget what was seen: a machine may be gone."""
        self._looked_at = -SECONDS_BETWEEN_LOOKS

    def smallest_processor_count(self) -> int:
        """Return the processors of the machine that has fewest."""
        return min((max(1, int(node["Resources"]["CPU"])) for node in self._nodes()), default=1)

    def require_room(
        self, name: str, needs: Mapping[str, Any], refusals: Mapping[str, str]
    ) -> None:
        """Raise ValuescopeError where no machine, those that refused aside, can take a replica."""
        nodes = [node["Resources"] for node in self._nodes() if node["NodeID"] not in refusals]
        wanted = {resource: needs[option] for resource, option in _RESOURCES.items()}
        if not any(_fits(node, wanted) for node in nodes):
            raise _no_room(name, wanted, nodes, refusals.values())

    def _nodes(self) -> list[dict[str, Any]]:
        if time.monotonic() - self._looked_at > SECONDS_BETWEEN_LOOKS:
            self._looked_at = time.monotonic()
            self._seen = [
                node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")
            ]
        return self._seen


def _fits(node: Mapping[str, float], wanted: Mapping[str, float]) -> bool:
    return all(node.get(resource, 0) >= least for resource, least in wanted.items())


def _no_room(
    name: str,
    wanted: Mapping[str, float],
    nodes: Collection[Mapping[str, float]],
    reasons: Collection[str],
) -> ValuescopeError:
    most = {
        resource: max((node.get(resource, 0) for node in nodes), default=0) for resource in wanted
    }
    refused = "".join(f"\n  {reason}" for reason in dict.fromkeys(reasons))
    return ValuescopeError(
        f"No machine of the cluster can score {name}: a replica needs {wanted['CPU']} processors, "
        f"{wanted['GPU']:g} GPUs and {wanted['memory'] / 1e9:.1f} GB of memory; of {len(nodes)} "
        f"machines that are left the largest have {most['CPU']:g}, {most['GPU']:g} and "
        f"{most['memory'] / 1e9:.1f} GB. Name fewer --threads or --gpus, or score on larger "
        f"machines.{refused}"
    )
