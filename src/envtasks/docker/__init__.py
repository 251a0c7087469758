"""The image of an environment: built, audited, pushed and run."""
