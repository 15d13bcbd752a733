"""The engine decides and does. It shows nothing and knows no remote service.

Everything here works on values and on protocols; the outside world is handed in by `engine.assembly`.
"""
