"""Play one seed again and tell its story: `python -m tests.simulation.nodes SEED`."""

from __future__ import annotations

import sys

from tests.simulation.nodes.story import Story


def main(seed: int) -> None:
    """Play a seed; what went wrong comes last."""
    story = Story(seed)
    try:
        story.watched()
    finally:
        print("\n".join(story.said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
