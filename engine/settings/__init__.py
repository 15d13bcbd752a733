"""The workspace file `syncdeck.yaml` as typed values: read once, validated once, edited without losing a comment."""
