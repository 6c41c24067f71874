"""Versions that a team's MLflow model registry tells of become drafts here, and are submitted when nothing is missing.

events    what is signed, and what it says.
server    the tracking server's REST API, through the egress policy.
reading   what is read there of one version: entry, publication, package.
importing the work in the background.
actions   connect, rotate, remove, receive, import once more.

The rules are in docs/pipeline.md, "MLflow".
"""
