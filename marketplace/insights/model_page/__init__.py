"""The overview of a model: the answer to "does it fit, and who vouches for it" on one screen (docs/model-page.md).

Its facts are those of every app, so it stands right of all of them; `page.answer` gathers them.
"""
