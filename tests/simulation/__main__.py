"""Play one seed again and tell its story: `python -m tests.simulation SEED`."""

from __future__ import annotations

import asyncio
import sys

from tests.simulation.story import Story


def main(seed: int) -> None:
    """Play a seed; what went wrong comes last."""
    story = Story(seed)
    try:
        asyncio.run(story.play())
    finally:
        print("\n".join(story.said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
