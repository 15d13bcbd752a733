"""The tabs of the coordination screen, one file each. A pane knows its list, what stands beside it and what can be
done; the screen asks for it, tells it of changes and of a backend that is gone."""
